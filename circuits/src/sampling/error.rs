//! Why a distribution or precision is refused.

use thiserror::Error;

/// A distribution and precision that have no sampling table.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum SamplingError {
    /// The limb size is outside what the tables support.
    #[error("limbs of {got} bits: supported are {min} to {max} bits")]
    LimbBits {
        /// Smallest size.
        min: u8,
        /// Largest size.
        max: u8,
        /// The size asked for.
        got: u8,
    },
    /// The number of fraction bits is outside what the tables support.
    #[error("{got} fraction bits: supported are at most {max}")]
    FractionBits {
        /// Largest number.
        max: u8,
        /// The number asked for.
        got: u8,
    },
    /// Truncation bounds that are not in increasing order.
    #[error("truncation bounds {lo} and {hi} (in units of 2^-f) are not in increasing order")]
    EmptyInterval {
        /// Lower bound.
        lo: i32,
        /// Upper bound.
        hi: i32,
    },
    /// A truncation bound too far out: clamp it, the probability beyond is below 2^-49.
    #[error("truncation bound {got} (in units of 2^-f) is beyond 8 standard deviations, {limit}")]
    FarBound {
        /// Largest absolute value.
        limit: i32,
        /// The bound asked for.
        got: i32,
    },
    /// The interval between the truncation bounds has too little probability to be sampled.
    #[error(
        "the interval from {lo} to {hi} (in units of 2^-f) has a probability below 2^-{min_bits}"
    )]
    ThinInterval {
        /// Lower bound.
        lo: i32,
        /// Upper bound.
        hi: i32,
        /// The smallest probability is `2^-min_bits`.
        min_bits: u32,
    },
    /// A deviate does not fit a lane: the precision is too fine for the limb size.
    #[error("lane value {got} does not fit a limb of {limb_bits} bits: take fewer fraction bits")]
    LaneOverflow {
        /// Size of a limb.
        limb_bits: u8,
        /// The lane value.
        got: i64,
    },
    /// A quantile lies so close to a rounding boundary that the arithmetic cannot decide.
    #[error("limb value {limb}: the quantile is too close to a rounding boundary to decide")]
    Undecided {
        /// The limb value.
        limb: u32,
    },
}
