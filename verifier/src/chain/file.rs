//! What stands in a chain file.

use super::error::{ChainError, ChainFileError, Step, StepError};
use crate::bundle::InitBundle;
use crate::codec::Format;
use crate::digest::Digest32;
use crate::inference::InferenceBundle;
use crate::link::{CommitmentData, CommittedTo, Links};
use crate::relayout::RelayoutBundle;
use crate::text::is_plain;
use crate::vk::VkData;
use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most plans carried out.
const MAX_INITIALIZATIONS: usize = 1 << 6;
/// Most versions of the weights.
const MAX_VERSIONS: usize = 1 << 8;
/// Most answers.
const MAX_ANSWERS: usize = 1 << 12;
/// Most keys, architectures, lists of origins and profiles each.
const MAX_ATTACHMENTS: usize = 1 << 10;
/// Most bytes of an attached file.
const MAX_ATTACHED_BYTES: usize = 64 << 20;
/// Most bytes of a name.
const MAX_NAME: usize = 64;
/// Most bytes of a declaration.
const MAX_WORDS: usize = 1 << 12;

/// A chain: plan, beacon, proofs of initialization, commitments, links, answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chain {
    /// Plans carried out, one or more; each may inherit weights from those before it.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_INITIALIZATIONS>")]
    pub initializations: Vec<Initialization>,
    /// Versions of the weights; each comes from the tiles or from one before it.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_VERSIONS>")]
    pub versions: Vec<Version>,
    /// Answers, by version.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_ANSWERS>")]
    pub answers: Vec<Answer>,
    /// Links of all proofs to the commitments, and no others.
    pub links: Links,
    /// What the proofs do not need, and their readers may want.
    pub attachments: Attachments,
}

/// A plan carried out, with the commitment to what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Initialization {
    /// Plan, beacon values and the proofs of all tiles.
    pub bundle: InitBundle,
    /// The published commitment to the tiles' deviates.
    pub deviates: CommitmentData,
}

/// One version of a model's weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Version {
    /// Its name, of the publisher's choice.
    pub name: String,
    /// The published commitment to its parameters.
    pub commitment: CommitmentData,
    /// Where the weights come from.
    pub origin: Origin,
}

/// Where a version's weights come from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Origin {
    /// They are deviates of tiles: proved, by one relayout for each initialization that they come
    /// from, in the order of the initializations.
    Initial(
        #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_INITIALIZATIONS>")]
        Vec<RelayoutBundle>,
    ),
    /// They follow from another version by training: declared, not proved.
    Declared {
        /// Position of that version.
        from: u16,
        /// What the publisher says of it.
        words: String,
    },
}

/// An answer of a version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// Position of the version.
    pub version: u16,
    /// The proof with its public values.
    pub inference: InferenceBundle,
}

/// Files that go with a chain. Nothing is believed because it stands here.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attachments {
    /// Verifying keys.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_ATTACHMENTS>")]
    pub keys: Vec<VkData>,
    /// Architectures, as their files stand: keys can be derived from them.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_ATTACHMENTS>")]
    pub architectures: Vec<Attached>,
    /// Lists of origins, as their files stand.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_ATTACHMENTS>")]
    pub origins: Vec<Attached>,
    /// Profiles, as their files stand: with the model's file they lead to its architecture.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_ATTACHMENTS>")]
    pub profiles: Vec<Attached>,
}

/// A file as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Attached(#[serde(with = "crate::codec::bytes")] pub Vec<u8>);

impl Chain {
    /// Digest of the SRS that the proofs are said to be made with.
    pub fn srs_digest(&self) -> &Digest32 {
        // All must be the verifier's; a file without any is not valid.
        let first = self.initializations.first();
        first.map_or(&[0; 32], |of| &of.bundle.srs_digest)
    }

    /// The architecture of each version is that of its relayouts and answers. [`super::verify_chain`]
    /// asks this first; whoever derives keys asks it before, since a key can take a while.
    ///
    /// # Errors
    /// The first step of another architecture than its commitment's.
    pub fn check_architectures(&self) -> Result<(), ChainError> {
        for version in &self.versions {
            let of = |bundle: &RelayoutBundle| bundle.statement.architecture;
            let relayouts = version.origin.relayouts().iter().map(of);
            let step = || Step::Version(version.name.clone());
            version.check_architectures(relayouts, "the relayout's architecture", step)?;
        }
        for (number, answer) in (1..).zip(&self.answers) {
            // `validate` has seen that there is such a version.
            let Some(version) = self.versions.get(usize::from(answer.version)) else {
                continue;
            };
            let step = || Step::Answer {
                number,
                version: version.name.clone(),
            };
            let own = [answer.inference.architecture];
            version.check_architectures(own, "the inference's architecture", step)?;
        }
        Ok(())
    }
}

impl Origin {
    /// Proofs that the weights are deviates; none if they are declared.
    pub fn relayouts(&self) -> &[RelayoutBundle] {
        match self {
            Self::Initial(bundles) => bundles,
            Self::Declared { .. } => &[],
        }
    }
}

impl Version {
    /// All `architectures` are that of the commitment.
    fn check_architectures(
        &self,
        architectures: impl IntoIterator<Item = Digest32>,
        what: &'static str,
        step: impl Fn() -> Step,
    ) -> Result<(), ChainError> {
        let at = |source| ChainError {
            step: step(),
            source,
        };
        let own = self.architecture().map_err(at)?;
        if architectures
            .into_iter()
            .all(|architecture| architecture == own)
        {
            return Ok(());
        }
        let of = "commitment";
        Err(at(StepError::Differs { what, of }))
    }

    /// The architecture whose parameters the commitment is to, and to nothing else.
    pub(super) fn architecture(&self) -> Result<Digest32, StepError> {
        let subject = |got| StepError::Subject {
            expected: "the parameters of one architecture",
            got,
        };
        match self.commitment.parts.as_slice() {
            [part] => match part.subject {
                CommittedTo::Parameters { architecture } => Ok(architecture),
                CommittedTo::Tile { .. } => Err(subject("a tile")),
            },
            _ => Err(subject("more than one thing")),
        }
    }
}

impl Format for Chain {
    const MAGIC: [u8; 8] = *b"nsc.chan";
    const VERSION: u16 = 4;
    const MAX_BYTES: usize = 512 << 20;
    type Error = ChainFileError;

    fn validate(&self) -> Result<(), ChainFileError> {
        if self.initializations.is_empty() {
            return Err(ChainFileError::NoInitialization);
        }
        for of in &self.initializations {
            of.bundle.validate()?;
            let invalid = ChainFileError::Deviates;
            of.deviates.validate().map_err(invalid)?;
        }
        if self.versions.is_empty() {
            return Err(ChainFileError::NoVersions);
        }
        let mut names = BTreeSet::new();
        for (version, of) in self.versions.iter().enumerate() {
            of.validate(version)?;
            if !names.insert(&of.name) {
                return Err(ChainFileError::Name { version });
            }
        }
        let mut last = 0;
        let mut proofs = BTreeSet::new();
        for (answer, of) in self.answers.iter().enumerate() {
            let invalid = |source| ChainFileError::Answer { answer, source };
            of.inference.validate().map_err(invalid)?;
            if usize::from(of.version) >= self.versions.len() {
                return Err(ChainFileError::NoVersion { answer });
            }
            if of.version < last {
                return Err(ChainFileError::AnswerOrder { answer });
            }
            last = of.version;
            if !proofs.insert(of.inference.proof.as_slice()) {
                return Err(ChainFileError::RepeatedAnswer { answer });
            }
        }
        self.links.validate()?;
        let attached = &self.attachments;
        let lists = [
            &attached.architectures,
            &attached.origins,
            &attached.profiles,
        ];
        let mut files = lists.into_iter().flatten();
        if files.any(|file| file.0.len() > MAX_ATTACHED_BYTES) {
            return Err(ChainFileError::Attachment {
                limit: MAX_ATTACHED_BYTES,
            });
        }
        Ok(())
    }
}

impl Version {
    fn validate(&self, version: usize) -> Result<(), ChainFileError> {
        let len = self.name.len();
        if len == 0 || len > MAX_NAME || !is_plain(&self.name) {
            return Err(ChainFileError::Name { version });
        }
        let invalid = |source| ChainFileError::Commitment { version, source };
        self.commitment.validate().map_err(invalid)?;
        match &self.origin {
            Origin::Initial(relayouts) => {
                if relayouts.is_empty() {
                    return Err(ChainFileError::NoRelayout { version });
                }
                let invalid = |source| ChainFileError::Relayout { version, source };
                let mut all = relayouts.iter();
                all.try_for_each(|of| of.validate().map_err(invalid))
            }
            Origin::Declared { from, words } => {
                if usize::from(*from) >= version {
                    return Err(ChainFileError::Lineage { version });
                }
                if words.is_empty() || words.len() > MAX_WORDS || !is_plain(words) {
                    return Err(ChainFileError::Words { version });
                }
                Ok(())
            }
        }
    }
}
