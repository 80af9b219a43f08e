//! A proof, parsed: canonical points and scalars, exactly as many as the key
//! calls for.
//!
//! Bytes: all points but the two of the opening, all evaluations, then the two
//! points of the opening, 32 bytes each, in the order they enter the transcript.

use crate::encoding::{EncodingError, points_from_bytes, scalar_from_bytes};
use crate::vk::VerifyingKey;
use alloc::vec::Vec;
use ark_bn254::{Fr, G1Affine};

/// A proof of canonical points and scalars, for one verifying key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proof {
    /// In transcript order, the two of the opening last.
    pub(crate) points: Vec<G1Affine>,
    pub(crate) evaluations: Vec<Fr>,
}

impl Proof {
    /// Parses proof bytes for `vk`.
    pub fn parse(vk: &VerifyingKey, bytes: &[u8]) -> Result<Self, ProofError> {
        let expected = vk.proof_len();
        let (words, rest) = bytes.as_chunks::<32>();
        if bytes.len() != expected || !rest.is_empty() {
            return Err(ProofError::Length {
                expected,
                got: bytes.len(),
            });
        }
        let before = vk.layout.points.saturating_sub(2);
        let after = before.saturating_add(vk.layout.evaluations);
        let (first, rest) = words.split_at_checked(before).unwrap_or((words, &[]));
        let scalars = vk.layout.evaluations.min(rest.len());
        let (scalars, last) = rest.split_at_checked(scalars).unwrap_or((rest, &[]));
        let point_error = |start: usize| {
            move |(position, source): (usize, _)| ProofError::Word {
                word: start.saturating_add(position),
                source,
            }
        };
        let mut points = points_from_bytes(first).map_err(point_error(0))?;
        points.extend(points_from_bytes(last).map_err(point_error(after))?);
        let scalar = |(word, bytes)| {
            let error = |source| ProofError::Word { word, source };
            scalar_from_bytes(bytes).map_err(error)
        };
        let evaluations = (before..).zip(scalars).map(scalar);
        let evaluations = evaluations.collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            points,
            evaluations,
        })
    }
}

impl Proof {
    /// The commitment to an advice column of `vk`.
    pub(crate) fn advice(&self, vk: &VerifyingKey, column: u32) -> Option<G1Affine> {
        let column = usize::try_from(column).ok()?;
        let position = vk.layout.advice.get(column)?;
        self.points.get(*position).copied()
    }
}

/// Why a proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ProofError {
    /// Not the length that the key calls for.
    #[error("proof of {got} bytes, the key calls for {expected}")]
    Length {
        /// Length for this key.
        expected: usize,
        /// Length found.
        got: usize,
    },
    /// A word that is no canonical point or scalar.
    #[error("word {word} of the proof: {source}")]
    Word {
        /// Position, in words of 32 bytes.
        word: usize,
        /// What is wrong.
        source: EncodingError,
    },
    /// Not the instance shape that the key calls for.
    #[error("instance {column} has {got} values, the key calls for {expected}")]
    Instance {
        /// Column; past the last when the number of columns is wrong.
        column: usize,
        /// Values the key calls for.
        expected: usize,
        /// Values given.
        got: usize,
    },
    /// A challenge hit one of the few values for which the check is undefined.
    /// Happens with probability below `2^-220`.
    #[error("degenerate challenge")]
    DegenerateChallenge,
    /// The key points outside itself. Never for a key that was decoded.
    #[error("verifying key is inconsistent")]
    InconsistentKey,
    /// The pairing equation does not hold: constraints or openings are false.
    #[error("the pairing check fails: the proof does not hold")]
    Pairing,
}
