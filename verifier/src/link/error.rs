//! Why links, tails and commitments are refused.

use crate::encoding::EncodingError;

/// Why a link is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// Not the length that the tail calls for.
    #[error("link of {got} bytes, the tail calls for {expected}")]
    Length {
        /// Length for this tail.
        expected: usize,
        /// Length found.
        got: usize,
    },
    /// A word that is no canonical point or scalar.
    #[error("word {word} of the link: {source}")]
    Word {
        /// Position, in words of 32 bytes.
        word: usize,
        /// What is wrong.
        source: EncodingError,
    },
    /// The nonce point is the identity.
    #[error("the nonce point of the link is the identity")]
    IdentityNonce,
    /// The lists do not have the same number of columns.
    #[error("{got} columns on one side of the link, {expected} on the other")]
    Columns {
        /// Columns of the first list.
        expected: usize,
        /// Columns of the second list.
        got: usize,
    },
    /// No columns, or too many.
    #[error("a link of {got} columns, expected 1 to {limit}")]
    TooManyColumns {
        /// Most columns.
        limit: usize,
        /// Columns found.
        got: usize,
    },
    /// A commitment is the identity.
    #[error("the commitment to column {column} is the identity")]
    Identity {
        /// Position in the list.
        column: usize,
    },
    /// Proof and tail are of different SRS.
    #[error("the proof and the commitment are under different SRS")]
    Srs,
    /// Proof and tail are of different sizes or domains.
    #[error("the proof has 2^{got} rows, the commitment 2^{expected}")]
    Domain {
        /// Size of the tail's domain.
        expected: u8,
        /// Size of the proof's domain.
        got: u8,
    },
    /// The circuit blinds more rows than the tail has.
    #[error("the proof blinds {got} rows, the tail has {limit}")]
    Blinding {
        /// Rows of the tail.
        limit: u64,
        /// Random rows of the circuit.
        got: u64,
    },
    /// The tail covers rows that carry weights.
    #[error("weights stand on rows up to {got}, the link covers rows before {limit}")]
    WeightRows {
        /// First row of the tail.
        limit: u64,
        /// Rows that carry weights.
        got: u64,
    },
    /// The proof is of another circuit than the committed columns.
    #[error("the commitment is to columns of another circuit")]
    Circuit,
    /// The equation does not hold: the lists differ outside the tail, or the link is another's.
    #[error("the link does not hold: the commitments are not to the same weights")]
    Equation,
}

/// Why tail points are refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LinkKeyError {
    /// Size of the domain out of range.
    #[error("k = {got}, expected 3 to 28")]
    Size {
        /// Size found.
        got: u8,
    },
    /// No tail, or too long a one.
    #[error("a tail of {got} rows, expected 1 to {limit}")]
    Tail {
        /// Most rows.
        limit: usize,
        /// Rows found.
        got: usize,
    },
    /// A point that does not decode; the last is the witness.
    #[error("point {index} of the tail: {source}")]
    Point {
        /// Position.
        index: usize,
        /// What is wrong.
        source: EncodingError,
    },
    /// A point that is the identity.
    #[error("point {index} of the tail is the identity")]
    Identity {
        /// Position.
        index: usize,
    },
    /// The hashed point lies in the domain. Happens with probability below `2^-220`.
    #[error("degenerate challenge")]
    DegenerateChallenge,
    /// The points are not the SRS's.
    #[error("the tail points are not those of the SRS")]
    Certificate,
}

/// Why a published commitment is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CommitmentError {
    /// A list out of bounds.
    #[error("{got} {what}, expected 1 to {limit}")]
    Count {
        /// Of what.
        what: &'static str,
        /// Most.
        limit: usize,
        /// Number found.
        got: usize,
    },
    /// The tail points of a size.
    #[error("tail {index}: {source}")]
    Tail {
        /// Position.
        index: usize,
        /// What is wrong.
        source: LinkKeyError,
    },
    /// Tails that are not in ascending order of their sizes, or that no part uses.
    #[error("tail {index} is out of order or not used")]
    TailOrder {
        /// Position.
        index: usize,
    },
    /// A part that refers to a tail that is not there.
    #[error("part {part} refers to tail {got} of {limit}")]
    NoTail {
        /// Position of the part.
        part: usize,
        /// Number of tails.
        limit: usize,
        /// Index found.
        got: u8,
    },
    /// Two parts about the same thing.
    #[error("part {part} is about the same weights as an earlier one")]
    DuplicatePart {
        /// Position of the part.
        part: usize,
    },
    /// A commitment that does not decode.
    #[error("column {column} of part {part}: {source}")]
    Point {
        /// Position of the part.
        part: usize,
        /// Position in the part.
        column: usize,
        /// What is wrong.
        source: EncodingError,
    },
    /// A commitment that is the identity.
    #[error("column {column} of part {part} is the identity")]
    Identity {
        /// Position of the part.
        part: usize,
        /// Position in the part.
        column: usize,
    },
    /// The commitments are under another SRS than the verifier's.
    #[error("the commitment is under another SRS")]
    Srs,
}
