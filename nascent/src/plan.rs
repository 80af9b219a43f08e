//! Plans: what was fixed before the beacon's value, and what a model's file and rules give.

use crate::error::{Failure, Kind};
use crate::fills::{self, DistributionReport, FillReport};
use crate::model::ModelFile;
pub use nascent_circuits::sampling::row_distance;
use nascent_compiler::{Architecture, CompileError, Earlier, Limits, Model, Rules};
use nascent_verifier::codec::{Format, FormatError};
use nascent_verifier::spec::FillCounts;
use nascent_verifier::{Announcement, Digest32, ModelSpec, Plan, SpecError};
use serde::Serialize;

/// Why there is no plan, or why one is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The model's file, or the rules.
    #[error("model {}", path.display())]
    Model {
        /// The file.
        path: std::path::PathBuf,
        /// Why not.
        source: Box<CompileError>,
    },
    /// A plan's model has no canonical form.
    #[error(transparent)]
    Spec(#[from] FormatError<SpecError>),
    /// A plan is none.
    #[error(transparent)]
    Plan(#[from] FormatError<nascent_verifier::PlanError>),
    /// Rules that leave nothing to the beacon.
    #[error("the rules sample no weight: nothing is left for the plan's beacon")]
    NothingSampled,
    /// A plan that inherits every weight.
    #[error("every weight is inherited: nothing is left for this plan's beacon")]
    AllInherited,
    /// What was put together is no plan.
    #[error(transparent)]
    Invalid(#[from] nascent_verifier::PlanError),
    /// An earlier plan that nothing is inherited from.
    #[error(
        "the earlier plan {} is none that the plan inherits weights from",
        hex::encode(plan)
    )]
    ForeignEarlier {
        /// Its digest.
        plan: Digest32,
    },
}

impl Failure for PlanError {
    fn kind(&self) -> Kind {
        match self {
            Self::Model { source, .. } => compile_kind(source),
            Self::Spec(_) | Self::Plan(_) => Kind::Input,
            Self::NothingSampled | Self::AllInherited | Self::Invalid(_) => Kind::Usage,
            Self::ForeignEarlier { .. } => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        let source = match self {
            Self::Model { source, .. } => source,
            Self::NothingSampled => {
                let help =
                    "give rules that sample: constants, and fills without spread, need no plan";
                return Some(help.to_owned());
            }
            Self::AllInherited => {
                let help = "--redraw PATTERN samples weights anew whatever earlier plans have";
                return Some(help.to_owned());
            }
            _ => return None,
        };
        // Most errors say it themselves.
        let help = match &**source {
            CompileError::Protobuf { .. } | CompileError::Missing { .. } => {
                "a model is an ONNX file, or a TOML description whose name ends in .toml"
            }
            CompileError::Io { .. } => "see that the file is there, and that you can read it",
            _ => return None,
        };
        Some(help.to_owned())
    }
}

/// Errors of the compiler: the file system's, or the file's.
pub fn compile_kind(error: &CompileError) -> Kind {
    match error {
        CompileError::Io { .. } => Kind::Environment,
        CompileError::Source { .. } => Kind::Internal,
        _ => Kind::Input,
    }
}

/// What a model's file and rules give; `redraw` has patterns of weights that are not inherited from
/// `earlier` plans. Without a name the model has its description's, or its file's.
///
/// # Errors
/// The file is no model, or the rules do not fit it.
pub fn model(
    file: &ModelFile,
    name: Option<&str>,
    rules: &Rules,
    earlier: &[Earlier<'_>],
    redraw: &[String],
) -> Result<Model, PlanError> {
    let limits = Limits::default();
    let compile = || {
        let architecture = file.architecture(&limits)?;
        let name = match (name, &architecture) {
            (Some(name), _) => name.to_owned(),
            (None, Architecture::Description(description)) => description.name.clone(),
            (None, Architecture::Onnx(_)) => file.stem(),
        };
        architecture.compile_after(&name, rules, &limits, earlier, redraw)
    };
    compile().map_err(|source| PlanError::Model {
        path: file.path.clone(),
        source: Box::new(source),
    })
}

/// A plan for a model: everything that is fixed before the beacon has its value.
///
/// `publisher_key` is that of a hidden seed; `created` is in seconds since 1970.
///
/// # Errors
/// Nothing is left for the beacon, or the announcement is none.
pub fn make(
    model: &ModelSpec,
    publisher_key: Option<[u8; 32]>,
    beacon: Announcement,
    created: u64,
    weight_digest: bool,
) -> Result<Plan, PlanError> {
    match (model.sampled_elements(), model.inherited_elements()) {
        (0, 0) => return Err(PlanError::NothingSampled),
        (0, _) => return Err(PlanError::AllInherited),
        _ => {}
    }
    let plan = Plan {
        model: model.clone(),
        publisher_key,
        beacon,
        created,
        weight_digest,
    };
    plan.validate()?;
    Ok(plan)
}

/// Plans as the compiler takes them.
///
/// # Errors
/// A plan without a canonical form.
pub fn earlier<'a>(
    plans: impl IntoIterator<Item = &'a Plan>,
) -> Result<Vec<Earlier<'a>>, PlanError> {
    let earlier = plans.into_iter().map(|plan| {
        Ok(Earlier {
            plan: plan.digest()?,
            model: &plan.model,
        })
    });
    earlier.collect()
}

/// Earlier plans are those that a plan inherits from.
///
/// # Errors
/// One is not.
pub fn check_earlier(earlier: &[Plan], plan: Option<&Plan>) -> Result<(), PlanError> {
    let from = plan.map(|plan| plan.model.inherits_from());
    for of in earlier {
        let plan = of.digest()?;
        if !from.as_ref().is_some_and(|from| from.contains(&plan)) {
            return Err(PlanError::ForeignEarlier { plan });
        }
    }
    Ok(())
}

/// A model as a plan has it, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct ModelReport {
    /// Its name.
    pub name: String,
    /// Digest, in hexadecimal; so are the others.
    pub digest: String,
    /// Digest of the computation graph.
    pub graph_digest: String,
    /// Digest of the rules.
    pub rules_digest: String,
    /// Number of tensors.
    pub tensors: usize,
    /// Weights that the seed gives.
    pub sampled_weights: u64,
    /// Weights that the rules set to constants.
    pub constant_weights: u64,
    /// Weights of earlier plans.
    pub inherited_weights: u64,
    /// How all values come about.
    pub values: FillCounts,
    /// The same by tensors that are alike.
    pub fills: Vec<FillReport>,
    /// Digests of the earlier plans.
    pub inherits_from: Vec<String>,
    /// Streams of deviates.
    pub streams: Vec<PlannedStream>,
}

/// A stream of deviates, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct PlannedStream {
    /// What is drawn.
    pub distribution: DistributionReport,
    /// How many rows.
    pub rows: u64,
}

impl ModelReport {
    /// Of a model.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn new(spec: &ModelSpec) -> Result<Self, PlanError> {
        let stream = |stream: &nascent_verifier::StreamSpec| PlannedStream {
            distribution: DistributionReport::new(stream.distribution, stream.precision),
            rows: stream.rows,
        };
        Ok(Self {
            name: spec.name.clone(),
            digest: hex::encode(spec.digest()?),
            graph_digest: hex::encode(spec.graph_digest),
            rules_digest: hex::encode(spec.rules_digest),
            tensors: spec.tensors.len(),
            sampled_weights: spec.sampled_elements(),
            constant_weights: spec.constant_elements(),
            inherited_weights: spec.inherited_elements(),
            values: spec.fill_counts(),
            fills: fills::report(spec),
            inherits_from: spec.inherits_from().iter().map(hex::encode).collect(),
            streams: spec.streams.iter().map(stream).collect(),
        })
    }
}

/// A plan, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct PlanReport {
    /// Digest, in hexadecimal.
    pub digest: String,
    /// Which values the beacon has, in words.
    pub beacon: String,
    /// Its sources.
    pub sources: Vec<String>,
    /// When it was made, by its own word, in seconds since 1970.
    pub created: u64,
    /// Hidden or public.
    pub seed: &'static str,
    /// The publisher's key, of a hidden seed.
    pub publisher_key: Option<String>,
    /// Whether proofs give a digest of the weights.
    pub weight_digest: bool,
    /// The model.
    pub model: ModelReport,
}

impl PlanReport {
    /// Of a plan.
    ///
    /// # Errors
    /// It has no canonical form.
    pub fn new(plan: &Plan) -> Result<Self, PlanError> {
        Ok(Self {
            digest: hex::encode(plan.digest()?),
            beacon: plan.beacon.to_string(),
            sources: plan
                .beacon
                .sources()
                .iter()
                .map(ToString::to_string)
                .collect(),
            created: plan.created,
            seed: match plan.publisher_key {
                Some(_) => "hidden",
                None => "public",
            },
            publisher_key: plan.publisher_key.map(hex::encode),
            weight_digest: plan.weight_digest,
            model: ModelReport::new(&plan.model)?,
        })
    }
}
