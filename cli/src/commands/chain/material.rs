//! What a chain carries beside its proofs, decoded once.

use crate::commands::structure::Structure;
use crate::failure::{Classify, Failure, Kind, Result};
use nascent_compiler::infer::Profile;
use nascent_ir::{CheckedGraph, Origins};
use nascent_verifier::chain::{Attached, Chain, Origin};
use nascent_verifier::codec::Format;
use nascent_verifier::{RelayoutBundle, VerifyingKey};
use std::collections::{BTreeMap, BTreeSet};

/// Digests that a chain's proofs name.
#[derive(Debug)]
pub struct Named<'a> {
    pub keys: BTreeSet<&'a [u8; 32]>,
    pub architectures: BTreeSet<&'a [u8; 32]>,
    pub origins: BTreeSet<&'a [u8; 32]>,
}

impl<'a> Named<'a> {
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
    versions.flat_map(|version| match &version.origin {
        Origin::Initial(bundles) => bundles.as_slice(),
        Origin::Declared { .. } => &[],
    })
}

/// The attached files, by digest.
#[derive(Debug)]
pub struct Material {
    pub keys: BTreeMap<[u8; 32], VerifyingKey>,
    pub graphs: BTreeMap<[u8; 32], CheckedGraph>,
    pub origins: BTreeMap<[u8; 32], Origins>,
    /// By the architecture that they lead to.
    pub profiles: BTreeMap<[u8; 32], Profile>,
}

impl Material {
    /// Takes graphs that were lowered again for those that are not attached.
    pub fn learn(&mut self, structures: &[Structure]) -> Result<()> {
        for lowering in structures.iter().filter_map(Structure::lowering) {
            let digest = lowering.graph.digest().or_fail(Kind::Internal)?;
            let graph = self.graphs.entry(digest);
            graph.or_insert_with(|| lowering.graph.clone());
        }
        Ok(())
    }

    /// Decodes the files; each must be one that a proof of the chain names.
    pub fn read(chain: &Chain) -> Result<Self> {
        let named = Named::of(chain);
        let files = &chain.attachments;
        let key = |data: &nascent_verifier::VkData| {
            let key = VerifyingKey::new(data.clone()).or_fail(Kind::Refused)?;
            Ok((*key.digest(), key))
        };
        let graph = |Attached(bytes): &Attached| {
            let graph = CheckedGraph::decode(bytes).or_fail(Kind::Refused)?;
            Ok((graph.digest().or_fail(Kind::Refused)?, graph))
        };
        let origins = |Attached(bytes): &Attached| {
            let origins = Origins::decode(bytes).or_fail(Kind::Refused)?;
            Ok((origins.digest().or_fail(Kind::Refused)?, origins))
        };
        let profile = |Attached(bytes): &Attached| {
            let profile = Profile::decode(bytes).or_fail(Kind::Refused)?;
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
    what: &str,
    named: &BTreeSet<&[u8; 32]>,
    files: impl Iterator<Item = Result<([u8; 32], T)>>,
) -> Result<BTreeMap<[u8; 32], T>> {
    let refused = |message| Err(Failure::new(Kind::Refused, message));
    let mut known = BTreeMap::new();
    for file in files {
        let (digest, file) = file?;
        if !named.contains(&digest) {
            return refused(format!(
                "an attached {what} is of none of the chain's proofs"
            ));
        }
        if known.insert(digest, file).is_some() {
            return refused(format!("two attached files are the {what} of one thing"));
        }
    }
    Ok(known)
}
