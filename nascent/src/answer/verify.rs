//! Answers: proofs that outputs are what committed weights give on inputs.

use crate::commitment::{CommitmentError, Published};
use crate::error::{Failure, Kind};
use crate::given::{Given, GivenError};
use crate::keys::{KeyOrigin, KeysError};
use crate::model::{self, ModelError, Structure, StructureError, hidden_of};
use crate::plan::{self, PlanError};
use crate::setting::{Pool, Setting};
use nascent_compiler::infer::{Planned, Profile};
use nascent_ir::{CheckedGraph, GraphError};
use nascent_verifier::codec::FormatError;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{
    Digest32, InferenceBundle, InferenceError, InferenceReport, Srs, VerifyingKey,
    verify_inference_by, verify_inference_with,
};
use serde::Serialize;
use std::time::{Duration, Instant};

/// What a proof says of the ranges of its parameters.
pub const PARAMETER_RANGES: &str =
    "matrices in the ranges that the architecture declares, others of twice its tables' bits";

/// Why an answer is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum AnswerError {
    /// It is by another architecture than the one given.
    #[error("it is for another architecture")]
    OtherArchitecture,
    /// A model without the profile that it is lowered with.
    #[error("to hold an answer against a model, its profile is needed")]
    NoProfile,
    /// A plan, or a profile, without the model.
    #[error("a plan or a profile says nothing of an answer by itself: the model's file is needed")]
    NoModel,
    /// Its architecture is not the model that was given.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// Its public values are not what the architecture declares, or its key could not be derived.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// An architecture without a canonical form.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// A plan that was given.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What was given is about something else.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// Its key.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// The proof.
    #[error(transparent)]
    Proof(#[from] InferenceError),
    /// It is not linked to the commitment.
    #[error(transparent)]
    Commitment(#[from] CommitmentError),
}

impl Failure for AnswerError {
    fn kind(&self) -> Kind {
        match self {
            Self::OtherArchitecture | Self::Proof(_) => Kind::Refused,
            Self::NoProfile | Self::NoModel => Kind::Usage,
            Self::Structure(error) => error.kind(),
            Self::Model(error) => error.kind(),
            Self::Graph(_) => Kind::Internal,
            Self::Plan(error) => error.kind(),
            Self::Given(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Commitment(error) => error.kind(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::OtherArchitecture | Self::NoProfile | Self::NoModel | Self::Graph(_) => None,
            Self::Structure(error) => error.help(),
            Self::Model(error) => error.help(),
            Self::Plan(error) => error.help(),
            Self::Given(error) => error.help(),
            Self::Keys(error) => error.help(),
            Self::Proof(_) => Some("this proof shows nothing".to_owned()),
            Self::Commitment(error) => error.help(),
        }
    }
}

/// What an answer is held against, beside [`Given`].
#[derive(Debug, Default)]
pub struct Against<'a> {
    /// The architecture.
    pub architecture: Option<CheckedGraph>,
    /// The profile that the model's file was lowered with.
    pub profile: Option<&'a Profile>,
    /// A commitment to the parameters, and the answer's link to it.
    pub published: Option<&'a Published>,
}

/// An answer that holds, and what that shows.
#[derive(Debug)]
pub struct AnswerVerdict<'a> {
    /// What was verified.
    pub bundle: &'a InferenceBundle,
    /// What the proof establishes.
    pub report: InferenceReport,
    /// That its architecture is the model's.
    pub structure: Option<Structure>,
    /// Inputs of the architecture, by name and shape, if it is known: public ones are then in its ranges.
    pub inputs: Option<Vec<(String, Vec<u32>)>>,
    /// Whose key it is.
    pub origin: KeyOrigin,
    /// Digest of the commitment that it is linked to.
    pub commitment: Option<Digest32>,
    /// What the caller asked for, or depends on, and was not shown.
    pub not_shown: Vec<String>,
    /// How long the proof took.
    pub time: Duration,
}

/// Verifies an answer.
///
/// # Errors
/// A check that comes out false; a key that is not there.
pub fn verify<'a>(
    setting: &Setting<'_>,
    bundle: &'a InferenceBundle,
    srs: &Srs,
    given: &Given<'_>,
    against: Against<'_>,
) -> Result<AnswerVerdict<'a>, AnswerError> {
    given.check_only_of_plans("an answer")?;
    given.check_keys_used(&[bundle.vk_digest])?;
    let (graph, structure) = graph(setting, bundle, given, &against)?;
    if let Some(graph) = &graph {
        model::check_public(graph, bundle)?;
    }
    let derive = || -> Result<Option<VerifyingKey>, AnswerError> {
        let Some(graph) = &graph else { return Ok(None) };
        let key = model::derive_key(setting, graph, hidden_of(bundle), &bundle.srs_digest)?;
        Ok(Some(key))
    };
    let (key, origin) = given.keys.find(setting, &bundle.vk_digest, derive)?;
    let started = Instant::now();
    let (report, weights) = match against.published {
        Some(_) => verify_inference_with(bundle, &key, srs, &Pool)?,
        None => (verify_inference_by(bundle, &key, srs, &Pool)?, None),
    };
    if let Some(published) = against.published {
        let architecture = bundle.architecture;
        published.check(&CommittedTo::Parameters { architecture }, weights.as_ref())?;
    }
    let time = started.elapsed();
    let mut not_shown: Vec<String> = given.open_keys(origin.is_known()).into_iter().collect();
    not_shown.extend(structure.iter().flat_map(Structure::open_numbers));
    Ok(AnswerVerdict {
        bundle,
        report,
        structure,
        inputs: graph.as_ref().map(|graph| {
            let infos = graph.inputs.iter().map(|&id| graph.tensor(id));
            infos
                .map(|of| (of.name.clone(), of.shape.clone()))
                .collect()
        }),
        origin,
        commitment: against.published.map(|published| *published.digest()),
        not_shown,
        time,
    })
}

/// The integer graph, as far as it was given: the architecture, or lowered from the model.
fn graph(
    setting: &Setting<'_>,
    bundle: &InferenceBundle,
    given: &Given<'_>,
    against: &Against<'_>,
) -> Result<(Option<CheckedGraph>, Option<Structure>), AnswerError> {
    let mut known = None;
    if let Some(graph) = &against.architecture {
        if graph.digest()? != bundle.architecture {
            return Err(AnswerError::OtherArchitecture);
        }
        known = Some(graph.clone());
    }
    let (model, profile) = match (given.model, against.profile) {
        (Some(model), Some(profile)) => (model, profile),
        (None, None) if given.plan.is_none() => return Ok((known, None)),
        (Some(_), None) => return Err(AnswerError::NoProfile),
        (None, _) => return Err(AnswerError::NoModel),
    };
    plan::check_earlier(given.earlier, given.plan)?;
    let earlier = plan::earlier(given.earlier)?;
    let planned = given.plan.map(|plan| Planned {
        spec: &plan.model,
        earlier: &earlier,
    });
    let of = model::of_architecture(setting, model, &bundle.architecture, profile, planned);
    let (structure, graph) = of?;
    Ok((Some(graph), Some(structure)))
}

/// A verdict on an answer, for machines. Digests are in hexadecimal.
#[derive(Debug, Clone, Serialize)]
#[expect(
    missing_docs,
    reason = "as in `AnswerVerdict`, or said by the fields' names"
)]
pub struct AnswerReport<'a> {
    pub architecture: String,
    pub vk_digest: String,
    pub key_origin: KeyOrigin,
    pub key_rederived: bool,
    pub input_ranges_checked: bool,
    pub input_shapes: Option<&'a [(String, Vec<u32>)]>,
    pub parameter_ranges: &'static str,
    pub model_shown: bool,
    pub srs: String,
    pub development_srs: bool,
    pub hidden_input: Option<String>,
    pub hidden_output: Option<String>,
    pub inputs: &'a [i64],
    pub outputs: &'a [i64],
    pub proof_bytes: usize,
    pub commitment: Option<String>,
    pub verify_seconds: f64,
}

impl AnswerVerdict<'_> {
    /// All of it, for machines.
    pub fn report(&self) -> AnswerReport<'_> {
        let report = &self.report;
        AnswerReport {
            architecture: hex::encode(report.architecture),
            vk_digest: hex::encode(report.vk_digest),
            key_origin: self.origin,
            key_rederived: self.origin == KeyOrigin::Rederived,
            input_ranges_checked: self.inputs.is_some(),
            input_shapes: self.inputs.as_deref(),
            parameter_ranges: PARAMETER_RANGES,
            model_shown: self.structure.is_some(),
            srs: hex::encode(report.srs_digest),
            development_srs: report.development_srs,
            hidden_input: report.hidden_inputs.map(|of| hex::encode(of.digest)),
            hidden_output: report.hidden_outputs.map(|of| hex::encode(of.digest)),
            inputs: &self.bundle.inputs,
            outputs: &self.bundle.outputs,
            proof_bytes: report.proof_bytes,
            commitment: self.commitment.map(hex::encode),
            verify_seconds: self.time.as_secs_f64(),
        }
    }
}
