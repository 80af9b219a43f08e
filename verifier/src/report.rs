//! What a verification established, and what it did not, as data.

use crate::digest::Digest32;
use crate::spec::{Distribution, Precision};
use crate::weight_digest::HashChainValue;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::Serialize;

/// The outcome of [`crate::verify_init`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Name of the model.
    pub model: String,
    /// Model digest `A`.
    pub model_digest: Digest32,
    /// Digest of the computation graph, as the plan has it.
    pub graph_digest: Digest32,
    /// Digest of the initialization rules, as the plan has it.
    pub rules_digest: Digest32,
    /// Digest of the plan.
    pub plan_digest: Digest32,
    /// Which beacon values the plan announced, in words.
    pub beacon: String,
    /// Digest of the beacon value used.
    pub beacon_digest: Digest32,
    /// Whose seed it is.
    pub seed: Seed,
    /// Identity of the SRS.
    pub srs_digest: Digest32,
    /// Whether the SRS is the development one, under which anyone can forge.
    pub development_srs: bool,
    /// One entry per stream.
    pub streams: Vec<StreamReport>,
    /// Number of proofs verified.
    pub proofs: u64,
    /// Bytes of all proofs.
    pub proof_bytes: u64,
    /// Weights whose derivation is proved.
    pub sampled_weights: u64,
    /// Weights that the rules set to constants.
    pub constant_weights: u64,
    /// Weights that are an earlier plan's.
    pub inherited_weights: u64,
    /// Values that the model file keeps, as the plan lists them: no rule fills them.
    pub kept_values: u64,
    /// Those of them that are floating-point numbers.
    pub kept_floats: u64,
    /// Digests of those plans.
    pub inherits_from: Vec<Digest32>,
    /// Digest of the commitments to all weight lanes, tile by tile.
    pub weight_commitments: Digest32,
    /// Digest of the sampled weights, where the plan asks for it: of the
    /// streams' digests ([`crate::weight_digest()`]).
    pub weight_digest: Option<Digest32>,
    /// What was proved.
    pub proved: Vec<Proved>,
    /// What was not.
    pub not_proved: Vec<NotProved>,
}

/// Whose seed the weights come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Seed {
    /// Anyone can derive the weights again.
    Public,
    /// The seed depends on the secret behind this key.
    Hidden {
        /// `pk`, little-endian.
        publisher_key: [u8; 32],
    },
}

/// A stream and the proofs that cover it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct StreamReport {
    /// Distribution of the deviates.
    pub distribution: Distribution,
    /// Limbs and fraction bits.
    pub precision: Precision,
    /// Rows used.
    pub rows: u64,
    /// Circuits of `2^k` rows.
    pub k: u8,
    /// Verifying key.
    pub vk_digest: Digest32,
    /// Blocks covered by one tile.
    pub blocks_per_tile: u64,
    /// Tiles verified.
    pub tiles: u64,
    /// Digest of the stream's lane values, where the plan asks for it: the
    /// last value of its chain.
    pub weight_digest: Option<HashChainValue>,
}

/// A statement that the proofs establish.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub enum Proved {
    /// The committed deviates are the streams' output under the seed.
    Derivation,
    /// The streams' seed is the one of publisher key, beacon value and model.
    SeedBinding,
    /// Every row of every stream is covered, once.
    Coverage,
    /// The proofs were made for this plan, beacon value, keys and SRS.
    StatementBinding,
    /// The weight digest is that of the committed deviates.
    WeightDigest,
}

/// Something the proofs say nothing about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[non_exhaustive]
pub enum NotProved {
    /// Anything: the trapdoor of the SRS is public.
    DevelopmentSrs,
    /// That nobody knows the trapdoor of the SRS.
    SrsCeremony,
    /// That the verifying keys belong to the published circuit.
    KeyOrigin,
    /// That the beacon value is the one that the plan announced in words.
    BeaconOrigin,
    /// That the beacon values are those of their sources. They are labelled with
    /// the sources that the plan announces; the evidence is not this crate's.
    BeaconEvidence,
    /// That the plan was published before the beacon value was known.
    PlanTime,
    /// That a file of weights holds the committed ones.
    WeightsFile,
    /// That graph and rules digests belong to a given model file.
    ModelFile,
    /// Where inherited weights come from: the earlier plans' proofs show that.
    Inherited,
    /// Anything about values that the model file keeps.
    Kept,
    /// Anything about training, or about the weights after initialization.
    Training,
}

impl fmt::Display for Proved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Derivation => {
                "every committed deviate is the one that the sampling rules give from the seed"
            }
            Self::SeedBinding => {
                "the seed is the one of this publisher key, this beacon value and this model digest"
            }
            Self::Coverage => "the proofs cover every sampled weight of the model, none twice",
            Self::StatementBinding => {
                "the proofs were made for this plan, beacon value, verifying keys and SRS"
            }
            Self::WeightDigest => {
                "the weight digest is the hash of every committed deviate, stream by stream, in order"
            }
        })
    }
}

impl fmt::Display for NotProved {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DevelopmentSrs => {
                "DEVELOPMENT SRS: its trapdoor is public, anyone can forge these proofs; \
                 nothing here is evidence"
            }
            Self::SrsCeremony => {
                "that nobody knows the trapdoor of the SRS: compare its digest with a ceremony's"
            }
            Self::KeyOrigin => {
                "that the verifying keys belong to the published circuit: derive them again \
                 and compare digests"
            }
            Self::BeaconOrigin => {
                "that the beacon value is the one that the plan announced: compare it with the source"
            }
            Self::BeaconEvidence => {
                "that the beacon values are their sources': check the evidence in the bundle"
            }
            Self::PlanTime => {
                "that the plan was published before the beacon value was known"
            }
            Self::WeightsFile => {
                "that a given file of weights holds the committed ones, each scaled as the plan says"
            }
            Self::ModelFile => {
                "that the graph and rules digests, and the list of what the file keeps, belong to a \
                 given model file: recompute the plan"
            }
            Self::Inherited => {
                "where the weights come from that the plan takes from earlier plans: their proofs \
                 show that, and a chain has them all"
            }
            Self::Kept => {
                "where the values come from that the model file keeps: their maker chose them, and no \
                 seed explains them"
            }
            Self::Training => "anything that happened to the weights after initialization",
        })
    }
}
