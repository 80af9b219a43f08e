//! Verifying keys of a chain's proofs: derived again, made here, given, or as they came.

use super::material::Material;
use super::story::KeyUse;
use crate::commands::verify::KeyOrigin;
use crate::commands::{inference, keys, relayout};
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::output::Context;
use nascent_circuits::inference::Hidden;
use nascent_circuits::tile::TileParams;
use nascent_ir::CheckedGraph;
use nascent_verifier::chain::{Chain, Initialization, Origin};
use nascent_verifier::text::Quoted;
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
        chain: &Chain,
        material: &Material,
        given: &[VerifyingKey],
        rederive: bool,
    ) -> Result<Self> {
        chain
            .check_architectures()
            .map_err(super::gather::refused)?;
        let mut found = Self::default();
        let source = Source {
            context,
            chain,
            material,
            given,
            rederive,
        };
        for Initialization { bundle: init, .. } in &chain.initializations {
            for (spec, proofs) in init.plan.model.streams.iter().zip(&init.streams) {
                let derive = || {
                    let (distribution, precision) = (spec.distribution, spec.precision);
                    let params = TileParams::new(proofs.k.into(), distribution, precision)
                        .or_fail(Kind::Input)?
                        .with_weight_digest(init.plan.weight_digest);
                    keys::derive(context, params, &init.srs_digest)
                };
                if found.get(&proofs.vk_digest).is_none() {
                    found.take("tiles", source.key(&proofs.vk_digest, derive)?);
                }
            }
        }
        for version in &chain.versions {
            let Origin::Initial(bundles) = &version.origin else {
                continue;
            };
            for bundle in bundles {
                let derive = || source.relayout(bundle);
                let key = source.key(&bundle.vk_digest, derive);
                let doing = format!("relayout of {}", Quoted(&version.name));
                found.take("relayout", key.doing(doing)?);
            }
        }
        for answer in &chain.answers {
            let bundle = &answer.inference;
            if found.get(&bundle.vk_digest).is_none() {
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
    chain: &'a Chain,
    material: &'a Material,
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
            // Keys of tiles are kept by what they prove, others by their digest. A cache that cannot
            // be written costs time, and nothing else.
            if key.tile().is_none()
                && let Err(error) = keys::store(self.context).keep(&key)
            {
                let warning = format!("a key is not kept for the next time: {error}");
                self.context.warn(warning);
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
        if let Some(key) = self.material.keys.get(digest) {
            return Ok((key.clone(), KeyOrigin::Beside));
        }
        let message = format!("no verifying key {} at hand", hex::encode(digest));
        Err(Failure::new(Kind::Environment, message)
            .help("--rederive-key makes it anew, --key FILE gives one"))
    }

    fn relayout(&self, bundle: &RelayoutBundle) -> Result<VerifyingKey> {
        let statement = &bundle.statement;
        let graph = self.graph(&statement.architecture)?;
        let origins = self.material.origins.get(&statement.origins);
        let origins = origins.ok_or_else(|| absent("list of origins", &statement.origins))?;
        let plans = self.chain.initializations.iter();
        let mut models = plans.map(|of| &of.bundle.plan.model);
        let model = models.find(|model| model.digest() == Ok(statement.model));
        let model = model.ok_or_else(|| absent("plan whose model digest is", &statement.model))?;
        relayout::derive_key(self.context, model, graph, origins, bundle)
    }

    fn inference(&self, bundle: &InferenceBundle) -> Result<VerifyingKey> {
        let graph = self.graph(&bundle.architecture)?;
        let hidden = Hidden {
            inputs: bundle.hidden_inputs.is_some(),
            outputs: bundle.hidden_outputs.is_some(),
        };
        inference::derive_key(self.context, graph, hidden, &bundle.srs_digest)
    }

    fn graph(&self, digest: &[u8; 32]) -> Result<&CheckedGraph> {
        let graph = self.material.graphs.get(digest);
        graph.ok_or_else(|| absent("architecture", digest))
    }
}

fn absent(what: &str, digest: &[u8; 32]) -> Failure {
    let message = format!("the chain has no {what} {}", hex::encode(digest));
    Failure::new(Kind::Input, message)
        .help("without it the key cannot be derived: ask for a chain that was made with the folder of `nascent compile`")
}
