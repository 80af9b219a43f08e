//! Proofs of answers. Keys are made once for an architecture and serve for any number of answers.

use crate::commitment::{CommitError, Committed};
use crate::error::{Cancelled, Failure, Kind};
use crate::model::{self, ModelError};
use crate::secret::Salt;
use crate::setting::{Pool, Setting};
use crate::srs::{self, SrsError};
use nascent_circuits::inference::plan::layout::{Layout, Role};
use nascent_circuits::inference::{ExecuteError, Hidden, Salts as Scalars, Shape};
use nascent_ir::{CheckedGraph, GraphError, Params};
use nascent_params::Srs;
use nascent_prover::error::KeyError;
use nascent_prover::estimate::{CostModel, InferenceCost};
use nascent_prover::inference::{InferenceError, InferenceKeys, Seal};
use nascent_prover::link::{Blinding, Opening, ProveLinkError, Proved};
use nascent_verifier::codec::FormatError;
use nascent_verifier::inference::prefix;
use nascent_verifier::link::{CommittedTo, Link};
use nascent_verifier::{
    Digest32, Hidden as Digest, InferenceBundle, InferenceError as Refused, ProvedWeights,
    VerifyingKey, WeightCommitment, verify_inference_with,
};
use rand_core::{CryptoRng, RngCore};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why there is no proof of an answer.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// The architecture's circuit.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An architecture without a canonical form.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// Its SRS.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// Its keys could not be made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// Parameters that do not fit the architecture.
    #[error(transparent)]
    Params(#[from] ExecuteError),
    /// Parameters or inputs do not fit, or the proof could not be made.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// A salt that was kept is of other values: it would open another proof.
    #[error("the {0}'s salt is of other values")]
    OtherSalt(&'static str),
    /// The commitment.
    #[error(transparent)]
    Commitment(Box<CommitError>),
    /// The key names no weights.
    #[error("the commitment or the key names no parameters")]
    NoWeights,
    /// The link to the commitment.
    #[error(transparent)]
    Link(#[from] ProveLinkError),
    /// The verifier refuses the proof: a fault of this program.
    #[error("the proof was made and is not accepted: {0}")]
    Refused(#[from] Refused),
    /// The caller stopped the work.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<CommitError> for ProveError {
    fn from(error: CommitError) -> Self {
        Self::Commitment(Box::new(error))
    }
}

impl Failure for ProveError {
    fn kind(&self) -> Kind {
        match self {
            Self::Model(error) => error.kind(),
            Self::Srs(error) => error.kind(),
            Self::Commitment(error) => error.kind(),
            Self::Cancelled(error) => error.kind(),
            Self::Params(_) | Self::Inference(_) | Self::NoWeights | Self::Link(_) => Kind::Input,
            Self::OtherSalt(_) => Kind::Environment,
            Self::Graph(_) | Self::Keys(_) | Self::Refused(_) => Kind::Internal,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.help(),
            Self::Srs(error) => error.help(),
            Self::Commitment(error) => error.help(),
            Self::OtherSalt(_) => Some(
                "a salt is never replaced: a proof may depend on it; give another name to the proof"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// An architecture's circuit, laid out: what its proofs take is known, and no key is made yet.
pub struct Circuit {
    architecture: Digest32,
    layout: Layout,
    shape: Shape,
}

impl Circuit {
    /// Lays it out, so that it hides such values.
    ///
    /// # Errors
    /// A graph that has no layout, or one that takes more memory than the caller allows.
    pub fn new(
        setting: &Setting<'_>,
        graph: &CheckedGraph,
        hidden: Hidden,
    ) -> Result<Self, ProveError> {
        let (layout, shape) = model::lay_out(setting, graph, hidden)?;
        Ok(Self {
            architecture: graph.digest()?,
            layout,
            shape,
        })
    }

    /// It has `2^k` rows.
    pub fn k(&self) -> u32 {
        self.shape.k
    }

    /// Bytes of memory that a proof takes.
    pub fn memory(&self) -> u64 {
        CostModel::REFERENCE.inference_memory(&InferenceCost::new(&self.shape))
    }

    /// Makes its keys: a function of the circuit and the SRS alone.
    ///
    /// # Errors
    /// The SRS is not there, or the keys could not be made.
    pub fn prover(self, setting: &Setting<'_>, srs: &Digest32) -> Result<Prover, ProveError> {
        setting.go_on()?;
        let srs = srs::load(setting, srs, self.shape.k)?;
        setting.go_on()?;
        let layout = Arc::new(self.layout);
        let keys = InferenceKeys::generate(&self.architecture, layout, self.shape, &srs)?;
        Ok(Prover {
            architecture: self.architecture,
            keys,
            srs,
        })
    }
}

/// Proves answers of one architecture.
pub struct Prover {
    architecture: Digest32,
    keys: InferenceKeys,
    srs: Srs,
}

/// Salts of hidden values: of an earlier run that was stopped, to be used again.
#[derive(Debug, Clone, Copy, Default)]
pub struct Salts {
    /// Of the inputs.
    pub inputs: Option<Salt>,
    /// Of the outputs.
    pub outputs: Option<Salt>,
}

/// An answer with its proof, checked as its reader will check it.
#[derive(Debug)]
pub struct Answer {
    /// The proof, to be given out.
    pub bundle: InferenceBundle,
    /// The key that it is verified with.
    pub key: VerifyingKey,
    /// Its link to the commitment.
    pub link: Option<Link>,
    /// The outputs, also where the proof hides them.
    pub outputs: Vec<i64>,
    /// What opens the proof's digests of hidden values. Secret.
    pub salts: Salts,
    /// How long it took.
    pub time: Duration,
}

/// A proof of an answer, for machines. Digests are in hexadecimal.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `Answer`, or said by the fields' names")]
pub struct ProofReport {
    pub architecture: String,
    pub vk_digest: String,
    pub srs: String,
    pub development_srs: bool,
    pub proof_bytes: usize,
    pub link_bytes: Option<usize>,
    pub prove_seconds: f64,
}

impl Answer {
    /// All of it but values and secrets, for machines.
    pub fn report(&self) -> ProofReport {
        let bundle = &self.bundle;
        ProofReport {
            architecture: hex::encode(bundle.architecture),
            vk_digest: hex::encode(bundle.vk_digest),
            srs: hex::encode(bundle.srs_digest),
            development_srs: srs::is_development(&bundle.srs_digest),
            proof_bytes: bundle.proof.len(),
            link_bytes: self.link.as_ref().map(|link| link.bytes.len()),
            prove_seconds: self.time.as_secs_f64(),
        }
    }
}

/// A commitment that answers of some parameters are linked to.
pub struct LinkTo<'a> {
    commitment: WeightCommitment,
    opening: &'a Opening,
    subject: CommittedTo,
    cells: Vec<Vec<i64>>,
}

impl Prover {
    /// The key that answers are verified with.
    pub fn key(&self) -> &VerifyingKey {
        self.keys.verifying_key()
    }

    /// Checks that a commitment is to these parameters.
    ///
    /// # Errors
    /// It is to others, or for a circuit that hides other values.
    pub fn link_to<'a>(
        &self,
        params: &Params,
        committed: &'a Committed,
    ) -> Result<LinkTo<'a>, ProveError> {
        let architecture = self.architecture;
        let subject = CommittedTo::Parameters { architecture };
        let mut parts = committed.data.parts.iter();
        let part = parts.find(|part| part.subject == subject);
        if part.is_some_and(|part| part.vk_digest != *self.key().digest()) {
            return Err(CommitError::OtherCircuit.into());
        }
        let cells = self.keys.circuit().parameter_cells(params)?;
        Ok(LinkTo {
            commitment: committed.check(&subject, &cells, &self.srs)?,
            opening: &committed.opening,
            subject,
            cells,
        })
    }

    /// Proves what the parameters give on inputs, all of them one after another in the graph's order.
    ///
    /// # Errors
    /// Parameters or inputs that do not fit; a kept salt of other values.
    pub fn prove(
        &self,
        setting: &Setting<'_>,
        params: &Params,
        inputs: &[i64],
        kept: Salts,
        link_to: Option<&LinkTo<'_>>,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Answer, ProveError> {
        setting.go_on()?;
        let started = Instant::now();
        let salts = self.salts(params, inputs, kept, rng)?;
        let blinding = Blinding::draw(rng);
        let (vk_digest, srs_digest) = (*self.key().digest(), *self.srs.identity());
        let prefix = prefix(&self.architecture, &vk_digest, &srs_digest);
        let random = blinding.generator();
        let made = self
            .keys
            .prove(&self.srs, params, inputs, &prefix, salts, random)?;
        setting.go_on()?;
        let (hidden_inputs, inputs) = disclosed(made.input_seal.as_ref(), made.inputs);
        let (hidden_outputs, outputs) = disclosed(made.output_seal.as_ref(), made.outputs.clone());
        let bundle = InferenceBundle {
            architecture: self.architecture,
            vk_digest,
            srs_digest,
            inputs,
            outputs,
            hidden_inputs,
            hidden_outputs,
            proof: made.proof,
        };
        let srs = self.srs.verifier_srs();
        let (_, weights) = verify_inference_with(&bundle, self.key(), srs, &Pool)?;
        let link = match link_to {
            Some(to) => Some(self.link(to, weights.as_ref(), &blinding, rng)?),
            None => None,
        };
        let salt = |seal: Option<Seal>| seal.and_then(|seal| Salt::new(seal.salt, seal.digest));
        Ok(Answer {
            bundle,
            key: self.key().clone(),
            link,
            outputs: made.outputs,
            salts: Salts {
                inputs: salt(made.input_seal),
                outputs: salt(made.output_seal),
            },
            time: started.elapsed(),
        })
    }

    /// Fresh salts, but for those that were kept: they must be of the same values, and hide them as
    /// before.
    fn salts(
        &self,
        params: &Params,
        inputs: &[i64],
        kept: Salts,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Scalars, ProveError> {
        let mut salts = Scalars::draw(rng);
        let layout = self.keys.circuit().layout();
        let sides = [
            ("input", Role::Input, kept.inputs, &mut salts.inputs),
            ("output", Role::Output, kept.outputs, &mut salts.outputs),
        ];
        let mut used = Vec::new();
        for (name, role, salt, to) in sides {
            if let (Some(seal), Some(salt)) = (layout.seal(role), salt) {
                *to = salt.salt;
                used.push((name, seal, salt));
            }
        }
        if used.is_empty() {
            return Ok(salts);
        }
        let (circuit, _) = self.keys.circuit().with_witness(params, inputs, salts)?;
        for (name, seal, salt) in used {
            if !salt.opens(&circuit.digest(seal)) {
                return Err(ProveError::OtherSalt(name));
            }
        }
        Ok(salts)
    }

    fn link(
        &self,
        to: &LinkTo<'_>,
        weights: Option<&ProvedWeights>,
        blinding: &Blinding,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Link, ProveError> {
        let part = to.commitment.part(&to.subject);
        let part = part.ok_or(ProveError::NoWeights)?;
        let proved = Proved {
            vk: self.key(),
            list: 0,
            weights: weights.ok_or(ProveError::NoWeights)?,
            cells: &to.cells,
            blinding,
        };
        Ok(proved.link_to(part, to.opening, rng)?)
    }
}

/// What a proof says of values: themselves, or their digest.
fn disclosed(seal: Option<&Seal>, values: Vec<i64>) -> (Option<Digest>, Vec<i64>) {
    match seal {
        Some(seal) => {
            let (digest, count) = (seal.digest, values.len() as u32);
            (Some(Digest { digest, count }), Vec::new())
        }
        None => (None, values),
    }
}
