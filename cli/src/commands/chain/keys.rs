//! Verifying keys of a chain's proofs: derived again, made here, given, or as they came.

use super::story::KeyUse;
use crate::commands::verify::KeyOrigin;
use crate::commands::{inference, keys, relayout};
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::output::Context;
use nascent_circuits::inference::Hidden;
use nascent_circuits::tile::TileParams;
use nascent_ir::{CheckedGraph, Origins};
use nascent_verifier::codec::Format;
use nascent_verifier::provenance::{Attached, Origin, Provenance};
use nascent_verifier::{InferenceBundle, RelayoutBundle, VerifyingKey};

/// A key for each digest that the chain's proofs name.
#[derive(Debug, Default)]
pub struct ChainKeys {
    keys: Vec<(VerifyingKey, KeyOrigin)>,
    uses: Vec<KeyUse>,
}

impl ChainKeys {
    /// Finds or derives all of them.
    pub fn find(
        context: &Context,
        chain: &Provenance,
        given: &[VerifyingKey],
        rederive: bool,
    ) -> Result<Self> {
        let mut found = Self::default();
        let source = Source {
            context,
            chain,
            given,
            rederive,
        };
        let init = &chain.init;
        for (spec, proofs) in init.plan.model.streams.iter().zip(&init.streams) {
            let derive = || {
                let (distribution, precision) = (spec.distribution, spec.precision);
                let params = TileParams::new(proofs.k.into(), distribution, precision)
                    .or_fail(Kind::Input)?
                    .with_weight_digest(init.plan.weight_digest);
                keys::derive(context, params, &init.srs_digest)
            };
            found.take("tiles", source.key(&proofs.vk_digest, derive)?);
        }
        for version in &chain.versions {
            if let Origin::Initial(bundle) = &version.origin {
                let derive = || source.relayout(bundle);
                let key = source.key(&bundle.vk_digest, derive);
                let doing = format!("relayout of '{}'", version.name);
                found.take("relayout", key.doing(doing)?);
            }
        }
        for answer in &chain.answers {
            let bundle = &answer.inference;
            let known = |(key, _): &(VerifyingKey, _)| *key.digest() == bundle.vk_digest;
            if !found.keys.iter().any(known) {
                let derive = || source.inference(bundle);
                found.take("answers", source.key(&bundle.vk_digest, derive)?);
            }
        }
        Ok(found)
    }

    fn take(&mut self, what: &'static str, (key, origin): (VerifyingKey, KeyOrigin)) {
        self.uses.push(KeyUse {
            what,
            digest: *key.digest(),
            origin,
        });
        self.keys.push((key, origin));
    }

    /// The key with a digest.
    pub fn get(&self, digest: &[u8; 32]) -> Option<&VerifyingKey> {
        let mut keys = self.keys.iter().map(|(key, _)| key);
        keys.find(|key| key.digest() == digest)
    }

    /// What each is for, and where it came from.
    pub fn uses(&self) -> &[KeyUse] {
        &self.uses
    }
}

struct Source<'a> {
    context: &'a Context,
    chain: &'a Provenance,
    given: &'a [VerifyingKey],
    rederive: bool,
}

impl Source<'_> {
    fn key(
        &self,
        digest: &[u8; 32],
        derive: impl FnOnce() -> Result<VerifyingKey>,
    ) -> Result<(VerifyingKey, KeyOrigin)> {
        if self.rederive {
            let key = derive()?;
            if key.digest() != digest {
                let message = format!(
                    "REFUSED: a proof uses the verifying key {}, the circuit's is {}",
                    hex::encode(digest),
                    hex::encode(key.digest())
                );
                return Err(Failure::new(Kind::Refused, message)
                    .help("the chain was made by another version of nascent, or with a key made up to deceive"));
            }
            return Ok((key, KeyOrigin::Rederived));
        }
        let made_here = keys::store(self.context).find(digest);
        if let Some(key) = made_here.map_err(keys::key_failure)? {
            return Ok((key, KeyOrigin::MadeHere));
        }
        if let Some(key) = self.given.iter().find(|key| key.digest() == digest) {
            return Ok((key.clone(), KeyOrigin::Given));
        }
        for data in &self.chain.attachments.keys {
            let key = VerifyingKey::new(data.clone()).or_fail(Kind::Input)?;
            if key.digest() == digest {
                return Ok((key, KeyOrigin::Beside));
            }
        }
        let message = format!("no verifying key {} at hand", hex::encode(digest));
        Err(Failure::new(Kind::Environment, message)
            .help("--rederive-key makes it anew, --key FILE gives one"))
    }

    fn relayout(&self, bundle: &RelayoutBundle) -> Result<VerifyingKey> {
        let statement = &bundle.statement;
        let graph = self.graph(&statement.architecture)?;
        let origins = origins(self.chain, &statement.origins)
            .ok_or_else(|| absent("list of origins", &statement.origins))?;
        let model = &self.chain.init.plan.model;
        relayout::derive_key(self.context, model, &graph, &origins, bundle)
    }

    fn inference(&self, bundle: &InferenceBundle) -> Result<VerifyingKey> {
        let graph = self.graph(&bundle.architecture)?;
        let hidden = Hidden {
            inputs: bundle.hidden_inputs.is_some(),
            outputs: bundle.hidden_outputs.is_some(),
        };
        inference::derive_key(self.context, &graph, hidden, &bundle.srs_digest)
    }

    fn graph(&self, digest: &[u8; 32]) -> Result<CheckedGraph> {
        graph(self.chain, digest).ok_or_else(|| absent("architecture", digest))
    }
}

fn absent(what: &str, digest: &[u8; 32]) -> Failure {
    let message = format!("the chain has no {what} {}", hex::encode(digest));
    Failure::new(Kind::Input, message)
        .help("without it the key cannot be derived: ask for a chain that was made with the folder of `nascent compile`")
}

/// Every attached file is one that a proof of the chain names.
pub fn check_attachments(chain: &Provenance) -> Result<()> {
    let foreign = |what: &str| {
        let message = format!("an attached {what} is of none of the chain's proofs");
        Err(Failure::new(Kind::Refused, message))
    };
    let relayouts = || {
        chain
            .versions
            .iter()
            .filter_map(|version| match &version.origin {
                Origin::Initial(bundle) => Some(bundle),
                Origin::Declared { .. } => None,
            })
    };
    let answers = || chain.answers.iter().map(|answer| &answer.inference);
    for data in &chain.attachments.keys {
        let key = VerifyingKey::new(data.clone()).or_fail(Kind::Refused)?;
        let digest = key.digest();
        let named = chain.init.streams.iter().any(|of| of.vk_digest == *digest)
            || relayouts().any(|of| of.vk_digest == *digest)
            || answers().any(|of| of.vk_digest == *digest);
        if !named {
            return foreign("verifying key");
        }
    }
    for Attached(bytes) in &chain.attachments.architectures {
        let graph = CheckedGraph::decode(bytes).or_fail(Kind::Refused)?;
        let digest = graph.digest().or_fail(Kind::Refused)?;
        let named = relayouts().any(|of| of.statement.architecture == digest)
            || answers().any(|of| of.architecture == digest);
        if !named {
            return foreign("architecture");
        }
    }
    for Attached(bytes) in &chain.attachments.origins {
        let origins = Origins::decode(bytes).or_fail(Kind::Refused)?;
        let digest = origins.digest().or_fail(Kind::Refused)?;
        if !relayouts().any(|of| of.statement.origins == digest) {
            return foreign("list of origins");
        }
    }
    Ok(())
}

/// The attached architecture with a digest.
pub fn graph(chain: &Provenance, digest: &[u8; 32]) -> Option<CheckedGraph> {
    let files = chain.attachments.architectures.iter();
    let mut graphs = files.filter_map(|Attached(bytes)| CheckedGraph::decode(bytes).ok());
    graphs.find(|graph| graph.digest().is_ok_and(|of| of == *digest))
}

/// The attached list of origins with a digest.
pub fn origins(chain: &Provenance, digest: &[u8; 32]) -> Option<Origins> {
    let files = chain.attachments.origins.iter();
    let mut lists = files.filter_map(|Attached(bytes)| Origins::decode(bytes).ok());
    lists.find(|origins| origins.digest().is_ok_and(|of| of == *digest))
}
