//! The bundle: everything a verifier of an initialization needs but the keys.

use crate::codec::Format;
use crate::digest::Digest32;
use crate::plan::{Beacon, Plan, PlanError};
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most bytes of one proof.
pub const MAX_PROOF_BYTES: usize = 1 << 16;

/// Most proofs of one bundle.
pub const MAX_TILES: usize = 1 << 20;

/// With which key the tiles of a stream are proved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamProofs {
    /// Size of the tiles: the circuit has `2^k` rows.
    pub k: u8,
    /// Digest of the verifying key.
    pub vk_digest: Digest32,
}

/// The proof of one tile.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TileProof {
    /// Index of the stream.
    pub stream: u16,
    /// Index of the tile in the stream.
    pub index: u64,
    /// Proof bytes.
    #[serde(with = "crate::codec::bytes")]
    pub proof: Vec<u8>,
}

/// A plan carried out: beacon value and proofs.
///
/// Tiles are listed by stream, then by index, without gaps: the verifier says
/// which is missing, repeated or out of place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InitBundle {
    /// The plan, as it was published.
    pub plan: Plan,
    /// The beacon's value.
    pub beacon: Beacon,
    /// Digest of the SRS the proofs are made with.
    pub srs_digest: Digest32,
    /// One entry per stream of the model.
    pub streams: Vec<StreamProofs>,
    /// Proofs, by stream and index.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_TILES>")]
    pub tiles: Vec<TileProof>,
}

impl Format for InitBundle {
    const MAGIC: [u8; 8] = *b"nsc.init";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 256 << 20;
    type Error = BundleError;

    fn validate(&self) -> Result<(), BundleError> {
        self.plan.validate().map_err(BundleError::Plan)?;
        self.beacon.validate().map_err(BundleError::Plan)?;
        if self.streams.len() != self.plan.model.streams.len() {
            return Err(BundleError::StreamCount {
                expected: self.plan.model.streams.len(),
                got: self.streams.len(),
            });
        }
        for (tile, proof) in self.tiles.iter().enumerate() {
            if proof.proof.len() > MAX_PROOF_BYTES {
                return Err(BundleError::ProofTooLarge {
                    tile,
                    limit: MAX_PROOF_BYTES,
                    got: proof.proof.len(),
                });
            }
        }
        Ok(())
    }
}

/// Why a bundle is not valid as a file. Whether it proves anything is
/// `verify_init`'s question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BundleError {
    /// The plan or the beacon value is not valid.
    #[error(transparent)]
    Plan(PlanError),
    /// Not one entry per stream.
    #[error("{got} stream entries, the model has {expected} streams")]
    StreamCount {
        /// Streams of the model.
        expected: usize,
        /// Entries found.
        got: usize,
    },
    /// A proof longer than any key allows.
    #[error("proof {tile} has {got} bytes, limit {limit}")]
    ProofTooLarge {
        /// Position in the list.
        tile: usize,
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
}
