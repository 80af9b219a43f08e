//! What a chain carries beside its proofs, decoded once.

use crate::error::{Failure, Kind};
use crate::model::Structure;
use nascent_compiler::infer::{Profile, ProfileError};
use nascent_ir::{CheckedGraph, GraphError, Origins, OriginsError};
use nascent_verifier::chain::{Attached, Chain};
use nascent_verifier::codec::{Format, FormatError};
use nascent_verifier::{Digest32, RelayoutBundle, VerifyingKey, VkError};
use std::collections::{BTreeMap, BTreeSet};

/// Digests that a chain's proofs name.
#[derive(Debug)]
pub struct Named<'a> {
    /// Verifying keys.
    pub keys: BTreeSet<&'a Digest32>,
    /// Architectures.
    pub architectures: BTreeSet<&'a Digest32>,
    /// Lists of origins.
    pub origins: BTreeSet<&'a Digest32>,
}

impl<'a> Named<'a> {
    /// Those of a chain.
    pub fn of(chain: &'a Chain) -> Self {
        let streams = chain
            .initializations
            .iter()
            .flat_map(|of| &of.bundle.streams);
        let tiles = streams.map(|of| &of.vk_digest);
        let answers = || chain.answers.iter().map(|answer| &answer.inference);
        let keys = tiles.chain(answers().map(|of| &of.vk_digest));
        let architectures = answers().map(|of| &of.architecture);
        let of_relayouts = || relayouts(chain).map(|of| &of.statement);
        Self {
            keys: keys
                .chain(relayouts(chain).map(|of| &of.vk_digest))
                .collect(),
            architectures: architectures
                .chain(of_relayouts().map(|of| &of.architecture))
                .collect(),
            origins: of_relayouts().map(|of| &of.origins).collect(),
        }
    }
}

fn relayouts(chain: &Chain) -> impl Iterator<Item = &RelayoutBundle> {
    let versions = chain.versions.iter();
    versions.flat_map(|version| version.origin.relayouts())
}

/// Why attached files are refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MaterialError {
    /// A verifying key.
    #[error(transparent)]
    Key(#[from] VkError),
    /// An architecture.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// A list of origins.
    #[error(transparent)]
    Origins(#[from] FormatError<OriginsError>),
    /// A profile.
    #[error(transparent)]
    Profile(#[from] FormatError<ProfileError>),
    /// A file that nothing needs.
    #[error("an attached {what} is of none of the chain's proofs")]
    Foreign {
        /// Its kind.
        what: &'static str,
    },
    /// A file too many.
    #[error("two attached files are the {what} of one thing")]
    Twice {
        /// Its kind.
        what: &'static str,
    },
}

impl Failure for MaterialError {
    fn kind(&self) -> Kind {
        Kind::Refused
    }
}

/// The attached files, by digest.
#[derive(Debug, Default)]
pub struct Material {
    /// Verifying keys.
    pub keys: BTreeMap<Digest32, VerifyingKey>,
    /// Architectures.
    pub graphs: BTreeMap<Digest32, CheckedGraph>,
    /// Lists of origins.
    pub origins: BTreeMap<Digest32, Origins>,
    /// Profiles, by the architecture that they lead to.
    pub profiles: BTreeMap<Digest32, Profile>,
}

impl Material {
    /// Takes graphs that were lowered again for those that are not attached.
    ///
    /// # Errors
    /// A graph without a canonical form.
    pub fn learn(&mut self, structures: &[Structure]) -> Result<(), MaterialError> {
        for lowering in structures.iter().filter_map(Structure::lowering) {
            let graph = self.graphs.entry(lowering.graph.digest()?);
            graph.or_insert_with(|| lowering.graph.clone());
        }
        Ok(())
    }

    /// Decodes the files; each must be one that a proof of the chain names.
    ///
    /// # Errors
    /// A file that is not valid, that nothing needs, or that stands twice.
    pub fn read(chain: &Chain) -> Result<Self, MaterialError> {
        let named = Named::of(chain);
        let files = &chain.attachments;
        let key = |data: &nascent_verifier::VkData| {
            let key = VerifyingKey::new(data.clone())?;
            Ok((*key.digest(), key))
        };
        let graph = |Attached(bytes): &Attached| {
            let graph = CheckedGraph::decode(bytes)?;
            Ok((graph.digest()?, graph))
        };
        let origins = |Attached(bytes): &Attached| {
            let origins = Origins::decode(bytes)?;
            Ok((origins.digest()?, origins))
        };
        let profile = |Attached(bytes): &Attached| {
            let profile = Profile::decode(bytes)?;
            Ok((profile.architecture, profile))
        };
        let (keys, graphs) = (files.keys.iter(), files.architectures.iter());
        Ok(Self {
            keys: known("verifying key", &named.keys, keys.map(key))?,
            graphs: known("architecture", &named.architectures, graphs.map(graph))?,
            origins: known(
                "list of origins",
                &named.origins,
                files.origins.iter().map(origins),
            )?,
            profiles: known(
                "profile",
                &named.architectures,
                files.profiles.iter().map(profile),
            )?,
        })
    }
}

/// Files by digest, all of them named, and one for each.
fn known<T>(
    what: &'static str,
    named: &BTreeSet<&Digest32>,
    files: impl Iterator<Item = Result<(Digest32, T), MaterialError>>,
) -> Result<BTreeMap<Digest32, T>, MaterialError> {
    let mut known = BTreeMap::new();
    for file in files {
        let (digest, file) = file?;
        if !named.contains(&digest) {
            return Err(MaterialError::Foreign { what });
        }
        if known.insert(digest, file).is_some() {
            return Err(MaterialError::Twice { what });
        }
    }
    Ok(known)
}
