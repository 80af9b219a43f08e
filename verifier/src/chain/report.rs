//! What a chain establishes, step by step, as data.

use crate::digest::Digest32;
use crate::inference::InferenceReport;
use crate::report::Report;
use alloc::string::String;
use alloc::vec::Vec;
use serde::Serialize;

/// The outcome of [`super::verify_chain`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ChainReport {
    /// The plans carried out, in order.
    pub initializations: Vec<InitializationReport>,
    /// Identity of the SRS.
    pub srs_digest: Digest32,
    /// Whether the SRS is the development one, under which anyone can forge.
    pub development_srs: bool,
    /// The versions, in order.
    pub versions: Vec<VersionReport>,
    /// The answers, in order.
    pub answers: Vec<AnswerReport>,
    /// Number of links that were checked.
    pub links: u64,
    /// Number of proofs that were checked.
    pub proofs: u64,
}

/// A plan carried out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct InitializationReport {
    /// The initialization.
    pub init: Report,
    /// Identity of the commitment to the deviates.
    pub deviates: Digest32,
}

/// One version of the weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct VersionReport {
    /// Its name.
    pub name: String,
    /// Digest of the architecture.
    pub architecture: Digest32,
    /// Identity of its commitment.
    pub commitment: Digest32,
    /// Digest of the verifying key whose weight columns are committed.
    pub vk_digest: Digest32,
    /// Where its weights come from.
    pub origin: OriginReport,
}

/// Where the weights of a version come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub enum OriginReport {
    /// They are deviates: proved, by these relayouts.
    Initial(Vec<RelayoutSummary>),
    /// They follow from another version: declared, not proved.
    Declared {
        /// Name of that version.
        from: String,
        /// What the publisher says of it.
        words: String,
    },
}

/// A proof that weights are the deviates of an initialization.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelayoutSummary {
    /// Position of the initialization.
    pub initialization: usize,
    /// Digest of the list that says which weight is which deviate.
    pub origins: Digest32,
    /// Verifying key of the proof.
    pub vk_digest: Digest32,
    /// Tiles whose deviates are weights.
    pub tiles: u64,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AnswerReport {
    /// Name of its version.
    pub version: String,
    /// The inference.
    pub inference: InferenceReport,
}

impl VersionReport {
    /// Positions of the initializations that its weights come from.
    pub fn initializations(&self) -> impl Iterator<Item = usize> {
        let relayouts = match &self.origin {
            OriginReport::Initial(relayouts) => relayouts.as_slice(),
            OriginReport::Declared { .. } => &[],
        };
        relayouts.iter().map(|of| of.initialization)
    }
}

impl ChainReport {
    /// Whether a version's weights are proved to come from the beacon.
    pub fn is_initial(&self, version: &str) -> bool {
        let mut versions = self.versions.iter();
        versions.any(|of| of.name == version && matches!(of.origin, OriginReport::Initial(_)))
    }
}
