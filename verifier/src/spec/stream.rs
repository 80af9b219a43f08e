//! A stream of deviates: distribution, precision, length.

use super::{ROWS_PER_BLOCK, SpecError};
use serde::{Deserialize, Serialize};

/// How a stream output is cut and how finely a deviate is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Precision {
    /// Bits of a limb, `B`, 1 to 20.
    pub limb_bits: u8,
    /// Fraction bits of a deviate, `f`, 0 to 24.
    pub fraction_bits: u8,
}

impl Precision {
    /// Weights of a row, `L = floor(253 / B)`. Zero for an invalid precision.
    pub fn lanes(&self) -> u64 {
        253_u64.checked_div(u64::from(self.limb_bits)).unwrap_or(0)
    }

    /// Checks the ranges of the fields.
    pub fn validate(&self) -> Result<(), SpecError> {
        if !(1..=20).contains(&self.limb_bits) {
            return Err(SpecError::LimbBits {
                got: self.limb_bits,
            });
        }
        if self.fraction_bits > 24 {
            return Err(SpecError::FractionBits {
                got: self.fraction_bits,
            });
        }
        Ok(())
    }
}

/// Distribution of the standard deviates of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Distribution {
    /// Quantiles of the standard normal at `2^B` midpoints, in units of `2^-f`.
    Normal,
    /// `2u + 1 - 2^B` for a uniform limb `u`.
    Uniform,
    /// Quantiles of the standard normal cut to `[lo, hi]`, in units of `2^-f`.
    TruncatedNormal {
        /// Lower bound in units of `2^-f`.
        lo: i32,
        /// Upper bound in units of `2^-f`.
        hi: i32,
    },
}

impl Distribution {
    /// Checks that a truncated distribution has an inside.
    pub fn validate(&self) -> Result<(), SpecError> {
        match *self {
            Self::Normal | Self::Uniform => Ok(()),
            Self::TruncatedNormal { lo, hi } if lo < hi => Ok(()),
            Self::TruncatedNormal { lo, hi } => Err(SpecError::EmptyTruncation { lo, hi }),
        }
    }
}

/// A stream of deviates of one distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct StreamSpec {
    /// Distribution of the deviates.
    pub distribution: Distribution,
    /// Limbs and fraction bits.
    pub precision: Precision,
    /// Rows used, each of [`Precision::lanes`] deviates.
    pub rows: u64,
}

impl StreamSpec {
    /// Blocks used, each of [`ROWS_PER_BLOCK`] rows.
    pub fn blocks(&self) -> u64 {
        self.rows.div_ceil(ROWS_PER_BLOCK)
    }
}
