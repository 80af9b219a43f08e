//! Verifying keys of a chain's proofs: derived again, made here, given, or as they came.

use super::material::Material;
use crate::error::{Failure, Kind};
use crate::keys::{self, KeyOrigin, KeySource, KeysError};
use crate::model::{self, ModelError, hidden_of};
use crate::relayout::{self, RelayoutError};
use crate::setting::Setting;
use nascent_ir::CheckedGraph;
use nascent_verifier::chain::{Chain, ChainError};
use nascent_verifier::text::Quoted;
use nascent_verifier::{Digest32, InferenceBundle, RelayoutBundle, VerifyingKey};

/// Why a chain's keys could not be had.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainKeysError {
    /// An architecture is not that of its commitment: no key is derived from it.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A key.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The key of an answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The key of a relayout.
    #[error("relayout of {}", Quoted(version))]
    Relayout {
        /// Whose weights it is about.
        version: String,
        /// Why not.
        source: Box<RelayoutError>,
    },
    /// What a key is derived from is not attached.
    #[error("the chain has no {what} {}", hex::encode(digest))]
    Absent {
        /// What.
        what: &'static str,
        /// Its digest.
        digest: Digest32,
    },
}

impl Failure for ChainKeysError {
    fn kind(&self) -> Kind {
        match self {
            Self::Chain(_) => Kind::Refused,
            Self::Keys(error) => error.kind(),
            Self::Model(error) => error.kind(),
            Self::Relayout { source, .. } => source.kind(),
            Self::Absent { .. } => Kind::Input,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Chain(_) => None,
            Self::Keys(error) => error.help(),
            Self::Model(error) => error.help(),
            Self::Relayout { source, .. } => source.help(),
            Self::Absent { .. } => Some(
                "without it the key cannot be derived: ask for a chain that was made with the \
                 folder of `nascent compile`"
                    .to_owned(),
            ),
        }
    }
}

/// A key of the chain's proofs.
#[derive(Debug, Clone, Copy)]
pub struct KeyUse {
    /// Which proofs are under it.
    pub what: &'static str,
    /// Its digest.
    pub digest: Digest32,
    /// Where it came from.
    pub origin: KeyOrigin,
}

/// A key for each digest that the chain's proofs name.
#[derive(Debug, Default)]
pub struct ChainKeys {
    keys: Vec<VerifyingKey>,
    uses: Vec<KeyUse>,
}

impl ChainKeys {
    /// Finds or derives all of them.
    ///
    /// # Errors
    /// A key is missing, or another than its circuit's.
    pub fn find(
        setting: &Setting<'_>,
        chain: &Chain,
        material: &Material,
        keys: &KeySource,
    ) -> Result<Self, ChainKeysError> {
        chain.check_architectures()?;
        let mut found = Self::default();
        let attached = material.keys.values().cloned();
        let source = Source {
            setting,
            chain,
            material,
            keys: &KeySource {
                beside: keys.beside.iter().cloned().chain(attached).collect(),
                ..keys.clone()
            },
        };
        for init in chain.initializations.iter().map(|of| &of.bundle) {
            let digests = init.plan.weight_digest;
            for (spec, proofs) in init.plan.model.streams.iter().zip(&init.streams) {
                let derive = || {
                    let params = keys::tile_of(spec, proofs, digests)?;
                    Ok(keys::of_tile(setting, &params, &init.srs_digest)?)
                };
                if found.get(&proofs.vk_digest).is_none() {
                    found.take("tiles", source.key(&proofs.vk_digest, derive)?);
                }
            }
        }
        for version in &chain.versions {
            for bundle in version.origin.relayouts() {
                if found.get(&bundle.vk_digest).is_none() {
                    let derive = || source.relayout(bundle, &version.name);
                    found.take("relayout", source.key(&bundle.vk_digest, derive)?);
                }
            }
        }
        for bundle in chain.answers.iter().map(|answer| &answer.inference) {
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
        self.keys.push(key);
    }

    /// The key with a digest.
    pub fn get(&self, digest: &Digest32) -> Option<&VerifyingKey> {
        self.keys.iter().find(|key| key.digest() == digest)
    }

    /// Whether all are known to be their circuits'.
    pub fn are_known(&self) -> bool {
        self.uses.iter().all(|of| of.origin.is_known())
    }

    /// What each is for, and where it came from.
    pub fn uses(&self) -> &[KeyUse] {
        &self.uses
    }
}

struct Source<'a> {
    setting: &'a Setting<'a>,
    chain: &'a Chain,
    material: &'a Material,
    keys: &'a KeySource,
}

impl Source<'_> {
    fn key(
        &self,
        digest: &Digest32,
        derive: impl FnOnce() -> Result<VerifyingKey, ChainKeysError>,
    ) -> Result<(VerifyingKey, KeyOrigin), ChainKeysError> {
        let derive = || self.keys.rederive.then(derive).transpose();
        self.keys.find(self.setting, digest, derive)
    }

    fn relayout(
        &self,
        bundle: &RelayoutBundle,
        version: &str,
    ) -> Result<VerifyingKey, ChainKeysError> {
        let statement = &bundle.statement;
        let graph = self.graph(&statement.architecture)?;
        let origins = self.material.origins.get(&statement.origins);
        let origins = origins.ok_or_else(|| absent("list of origins", &statement.origins))?;
        let plans = self.chain.initializations.iter();
        let mut models = plans.map(|of| &of.bundle.plan.model);
        let model = models.find(|model| model.digest() == Ok(statement.model));
        let model = model.ok_or_else(|| absent("plan whose model digest is", &statement.model))?;
        let key = relayout::derive_key(self.setting, model, graph, origins, bundle);
        key.map_err(|source| ChainKeysError::Relayout {
            version: version.to_owned(),
            source: Box::new(source),
        })
    }

    fn inference(&self, bundle: &InferenceBundle) -> Result<VerifyingKey, ChainKeysError> {
        let graph = self.graph(&bundle.architecture)?;
        let hidden = hidden_of(bundle);
        let key = model::derive_key(self.setting, graph, hidden, &bundle.srs_digest);
        Ok(key?)
    }

    fn graph(&self, digest: &Digest32) -> Result<&CheckedGraph, ChainKeysError> {
        let graph = self.material.graphs.get(digest);
        graph.ok_or_else(|| absent("architecture", digest))
    }
}

fn absent(what: &'static str, digest: &Digest32) -> ChainKeysError {
    ChainKeysError::Absent {
        what,
        digest: *digest,
    }
}
