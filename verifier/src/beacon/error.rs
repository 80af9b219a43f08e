//! What is refused.

use alloc::string::String;

/// Why sources or values are not valid, or do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// An empty or long description.
    #[error("beacon description of {got} bytes, expected 1 to {limit}")]
    Words {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// A description with characters that do not show themselves.
    #[error(
        "beacon description with control characters, marks of direction or characters that take no place"
    )]
    NotPlain,
    /// drand counts from one.
    #[error("drand has no round 0")]
    RoundZero,
    /// A Bitcoin block that its anchor does not lead to.
    #[error(
        "Bitcoin block {height} with {confirmations} confirmations after block {anchor}: expected \
         at least one block and one confirmation, and at most {limit} headers"
    )]
    Headers {
        /// Most headers.
        limit: u64,
        /// Height of the anchor.
        anchor: u64,
        /// Height of the block.
        height: u64,
        /// Confirmations.
        confirmations: u16,
    },
    /// A long input of a VRF.
    #[error("VRF input of {got} bytes, limit {limit}")]
    Alpha {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// A value of the wrong length.
    #[error("beacon value of {got} bytes, expected {least} to {most}")]
    Value {
        /// Fewest bytes.
        least: usize,
        /// Most bytes.
        most: usize,
        /// Bytes found.
        got: usize,
    },
    /// Evidence that is too long, or where there can be none.
    #[error("beacon evidence of {got} bytes, limit {limit}")]
    Evidence {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// No sources, or too many.
    #[error("{got} beacon sources, expected 1 to {limit}")]
    SourceCount {
        /// Most sources.
        limit: usize,
        /// Sources found.
        got: usize,
    },
    /// A raw value in a list of one.
    #[error("a list of one raw value: a raw value stands alone")]
    SecondForm,
    /// Too few or too many values.
    #[error("{got} beacon values, the plan announces {expected}")]
    ValueCount {
        /// Sources of the plan.
        expected: usize,
        /// Values found.
        got: usize,
    },
    /// A value of something else than the plan says.
    #[error("beacon value {} is {got}; the plan announces {expected}", position + 1)]
    OtherSource {
        /// Position in the list, from zero.
        position: usize,
        /// The plan's source.
        expected: String,
        /// The value's.
        got: String,
    },
}
