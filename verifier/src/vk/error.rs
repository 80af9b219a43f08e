//! Why a verifying key is refused.

use crate::encoding::EncodingError;
use crate::spec::SpecError;

/// Why a verifying key is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VkError {
    /// A list past its bound.
    #[error("{got} {what}, at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Bound.
        limit: usize,
        /// Number found.
        got: usize,
    },
    /// Size of the domain out of range.
    #[error("k = {got}, expected 3 to 28")]
    Size {
        /// Size found.
        got: u8,
    },
    /// Not the generator of a domain of `2^k` elements.
    #[error("omega does not generate a domain of 2^{k} elements")]
    Omega {
        /// Size of the domain.
        k: u8,
    },
    /// A field element or point that does not decode.
    #[error("{what} {index}: {source}")]
    Encoding {
        /// Which list.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// What is wrong.
        source: EncodingError,
    },
    /// An index past the end of what it points to.
    #[error("{what} {index}: refers to {got}, expected less than {limit}")]
    Index {
        /// Which list.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// Number of things.
        limit: usize,
        /// Index found.
        got: u32,
    },
    /// A rotation as long as the domain.
    #[error("{what} {index}: rotation {got} does not fit the domain")]
    Rotation {
        /// Which list.
        what: &'static str,
        /// Position in it.
        index: usize,
        /// Rotation found.
        got: i32,
    },
    /// A column queried twice at the same row.
    #[error("{what} {index} repeats an earlier query")]
    DuplicateQuery {
        /// Which list.
        what: &'static str,
        /// Position in it.
        index: usize,
    },
    /// A phase without advice columns, or past the last.
    #[error("phase {got} of a column or challenge, the last with columns is {limit}")]
    Phase {
        /// Greatest phase.
        limit: u8,
        /// Phase found.
        got: u8,
    },
    /// A node that repeats an earlier one.
    #[error("node {index} repeats an earlier one")]
    DuplicateNode {
        /// Position.
        index: usize,
    },
    /// A node that no constraint uses.
    #[error("node {index} is in no constraint")]
    UnusedNode {
        /// Position.
        index: usize,
    },
    /// Degree out of range, or below that of a constraint.
    #[error("declared degree {got}, at least {expected} and at most {limit} needed")]
    Degree {
        /// Degree of the constraints.
        expected: u32,
        /// Greatest degree supported.
        limit: u8,
        /// Declared degree.
        got: u8,
    },
    /// Not the number that the queries call for.
    #[error("{got} blinding factors, the queries call for {expected}")]
    BlindingFactors {
        /// Number from the queries.
        expected: usize,
        /// Number declared.
        got: u32,
    },
    /// No usable rows, or fewer than the instance has.
    #[error("{got} rows used, the domain leaves {limit}")]
    Rows {
        /// Usable rows.
        limit: u64,
        /// Rows used.
        got: u64,
    },
    /// A column under copy constraints that is not queried at rotation 0, or
    /// that is listed twice.
    #[error("permutation column {index} is repeated or not queried at its own row")]
    PermutationColumn {
        /// Position.
        index: usize,
    },
    /// A list of weight columns that cannot be one.
    #[error("list {list} of weight columns: {what}")]
    WeightColumns {
        /// Position.
        list: usize,
        /// What is wrong.
        what: &'static str,
    },
    /// Tile metadata with an invalid distribution or precision.
    #[error("tile shape: {0}")]
    Tile(#[from] SpecError),
    /// Tile metadata that contradicts the rest of the key.
    #[error("tile shape: {what} is {got}, expected {expected}")]
    TileShape {
        /// Which field.
        what: &'static str,
        /// Value that fits.
        expected: u64,
        /// Value found.
        got: u64,
    },
    /// The canonical bytes could not be written.
    #[error("verifying key cannot be encoded")]
    Unencodable,
}
