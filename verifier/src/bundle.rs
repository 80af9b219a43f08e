//! The bundle: everything a verifier of an initialization needs but the keys.

use crate::beacon::{Beacon, BeaconError};
use crate::codec::Format;
use crate::digest::Digest32;
use crate::encoding::scalar_from_bytes;
use crate::plan::{Plan, PlanError};
use crate::weight_digest::HashChainValue;
use alloc::vec::Vec;
use core::fmt;
use serde::de::{Error as _, SeqAccess, Visitor};
use serde::ser::SerializeStruct;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

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

/// A plan carried out: beacon values and proofs.
///
/// Tiles are listed by stream, then by index, without gaps: the verifier says
/// which is missing, repeated or out of place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InitBundle {
    /// The plan, as it was published.
    pub plan: Plan,
    /// The beacon's value, or values with their evidence.
    pub beacon: Beacon,
    /// Digest of the SRS the proofs are made with.
    pub srs_digest: Digest32,
    /// One entry per stream of the model.
    pub streams: Vec<StreamProofs>,
    /// Proofs, by stream and index.
    pub tiles: Vec<TileProof>,
    /// For a plan with the weight digest, the value of the chain after each
    /// tile, in the order of the tiles; else empty, and not in the file.
    pub hash_chain_ends: Vec<HashChainValue>,
}

const FIELDS: &[&str] = &[
    "plan",
    "beacon",
    "srs_digest",
    "streams",
    "tiles",
    "hash_chain_ends",
];

impl Serialize for InitBundle {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let chained = self.plan.weight_digest;
        let fields = FIELDS.len().saturating_sub(usize::from(!chained));
        let mut bundle = serializer.serialize_struct("InitBundle", fields)?;
        bundle.serialize_field("plan", &self.plan)?;
        bundle.serialize_field("beacon", &self.beacon)?;
        bundle.serialize_field("srs_digest", &self.srs_digest)?;
        bundle.serialize_field("streams", &self.streams)?;
        bundle.serialize_field("tiles", &self.tiles)?;
        if chained {
            bundle.serialize_field("hash_chain_ends", &self.hash_chain_ends)?;
        }
        bundle.end()
    }
}

impl<'de> Deserialize<'de> for InitBundle {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_struct("InitBundle", FIELDS, InitBundleVisitor)
    }
}

/// Reads the fields in order; whether there are chain values, the plan says.
struct InitBundleVisitor;

impl<'de> Visitor<'de> for InitBundleVisitor {
    type Value = InitBundle;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a bundle of proofs")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut fields: A) -> Result<InitBundle, A::Error> {
        fn next<'de, T: Deserialize<'de>, A: SeqAccess<'de>>(
            fields: &mut A,
        ) -> Result<T, A::Error> {
            let missing = || A::Error::custom("bundle too short");
            fields.next_element()?.ok_or_else(missing)
        }
        let plan: Plan = next(&mut fields)?;
        let chained = plan.weight_digest;
        Ok(InitBundle {
            plan,
            beacon: next(&mut fields)?,
            srs_digest: next(&mut fields)?,
            streams: next(&mut fields)?,
            tiles: next::<Bounded<TileProof>, A>(&mut fields)?.0,
            hash_chain_ends: if chained {
                next::<Bounded<HashChainValue>, A>(&mut fields)?.0
            } else {
                Vec::new()
            },
        })
    }
}

/// A list with an entry a tile.
#[derive(Deserialize)]
#[serde(bound = "T: Deserialize<'de>")]
struct Bounded<T>(#[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_TILES>")] Vec<T>);

impl Format for InitBundle {
    const MAGIC: [u8; 8] = *b"nsc.init";
    const VERSION: u16 = 2;
    const MAX_BYTES: usize = 256 << 20;
    type Error = BundleError;

    fn validate(&self) -> Result<(), BundleError> {
        self.plan.validate().map_err(BundleError::Plan)?;
        self.plan.beacon.check(&self.beacon)?;
        if self.streams.len() != self.plan.model.streams.len() {
            return Err(BundleError::StreamCount {
                expected: self.plan.model.streams.len(),
                got: self.streams.len(),
            });
        }
        self.validate_chain()?;
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

impl InitBundle {
    /// What the bundle claims as the weight digest of each stream: the value
    /// after its last tile; `None` where the plan does not ask for it, or a
    /// stream has no tile. `verify_init` checks it.
    pub fn claimed_digests(&self) -> Option<Vec<HashChainValue>> {
        if !self.plan.weight_digest {
            return None;
        }
        let ends = || self.tiles.iter().zip(&self.hash_chain_ends);
        let last = |stream| {
            let of = ends().filter(|(tile, _)| usize::from(tile.stream) == stream);
            of.map(|(_, end)| *end).next_back()
        };
        (0..self.streams.len()).map(last).collect()
    }

    /// A canonical chain value for each tile, where the plan asks for them.
    fn validate_chain(&self) -> Result<(), BundleError> {
        let expected = if self.plan.weight_digest {
            self.tiles.len()
        } else {
            0
        };
        let got = self.hash_chain_ends.len();
        if got > expected {
            return Err(BundleError::ExtraHashChainValues { expected, got });
        }
        for (position, tile) in self.tiles.iter().take(expected).enumerate() {
            let (stream, index) = (tile.stream, tile.index);
            let value = self.hash_chain_ends.get(position);
            let value = value.ok_or(BundleError::MissingHashChainValue { stream, index })?;
            if scalar_from_bytes(value).is_err() {
                return Err(BundleError::HashChainValue { stream, index });
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
    /// The plan is not valid.
    #[error(transparent)]
    Plan(PlanError),
    /// The beacon value is not valid, or not what the plan announces.
    #[error(transparent)]
    Beacon(#[from] BeaconError),
    /// Not one entry per stream.
    #[error("{got} stream entries, the model has {expected} streams")]
    StreamCount {
        /// Streams of the model.
        expected: usize,
        /// Entries found.
        got: usize,
    },
    /// The plan asks for the weight digest, and a tile has no chain value.
    #[error("tile {index} of stream {stream} has no chain value of the weight digest")]
    MissingHashChainValue {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// A chain value that is not below the field's order.
    #[error("the chain value of tile {index} of stream {stream} is not a canonical field element")]
    HashChainValue {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// More chain values than tiles, or any without the weight digest.
    #[error("{got} chain values of the weight digest, expected {expected}")]
    ExtraHashChainValues {
        /// One for each tile, or none.
        expected: usize,
        /// Values found.
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
