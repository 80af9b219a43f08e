//! Verification of a chain, and what that shows.

use super::keys::{ChainKeys, ChainKeysError};
use super::material::{Material, MaterialError, Named};
use super::story::{self, Story, TellError, View, Wholeness};
use super::structure;
use crate::error::{Failure, Kind};
use crate::evidence::{self, Checked, EvidenceError, Known};
use crate::fills::{self, FillReport};
use crate::given::{Compared, Given, GivenError, open_beacon};
use crate::keys::KeyOrigin;
use crate::model::{self, ModelError, Structure, StructureError, hidden_of};
use crate::plan::{self, PlanError};
use crate::setting::{Pool, Setting};
use nascent_circuits::inference::Hidden;
use nascent_verifier::chain::{Chain, ChainError, Origin, OriginReport, verify_chain};
use nascent_verifier::text::Quoted;
use nascent_verifier::{CommitmentData, Digest32, Srs};
use serde::Serialize;
use std::collections::BTreeSet;
use std::time::{Duration, Instant};

/// Why a chain is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChainVerifyError {
    /// It is not about what the verifier has.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// One of its plans.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The beacons' evidence.
    #[error("beacon")]
    Evidence(#[from] EvidenceError),
    /// What is attached.
    #[error(transparent)]
    Material(#[from] MaterialError),
    /// Its keys.
    #[error(transparent)]
    Keys(Box<ChainKeysError>),
    /// A step that does not hold.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// A graph that is not the model.
    #[error(transparent)]
    Structure(#[from] StructureError),
    /// An answer's public values, or its circuit.
    #[error("answer {number}")]
    Answer {
        /// Which, from 1.
        number: usize,
        /// Why not.
        source: ModelError,
    },
    /// An answer with hidden values whose circuit has other cells.
    #[error("answer {number}: its circuit has the parameters in other cells than the relayout")]
    Cells {
        /// Which, from 1.
        number: usize,
    },
    /// What it shows cannot be told.
    #[error(transparent)]
    Tell(#[from] TellError),
    /// A commitment that is none of the chain's.
    #[error("the commitment that was given is none of its commitments")]
    Commitment,
}

impl From<ChainKeysError> for ChainVerifyError {
    fn from(error: ChainKeysError) -> Self {
        Self::Keys(Box::new(error))
    }
}

impl Failure for ChainVerifyError {
    fn kind(&self) -> Kind {
        match self {
            Self::Given(error) => error.kind(),
            Self::Plan(error) => error.kind(),
            Self::Evidence(error) => error.kind(),
            Self::Material(error) => error.kind(),
            Self::Keys(error) => error.kind(),
            Self::Structure(error) => error.kind(),
            Self::Answer { source, .. } => source.kind(),
            Self::Tell(error) => error.kind(),
            Self::Chain(_) | Self::Cells { .. } | Self::Commitment => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Given(error) => error.help(),
            Self::Plan(error) => error.help(),
            Self::Evidence(error) => error.help(),
            Self::Material(error) => error.help(),
            Self::Keys(error) => error.help(),
            Self::Structure(error) => error.help(),
            Self::Answer { source, .. } => source.help(),
            Self::Tell(error) => error.help(),
            Self::Chain(_) | Self::Cells { .. } | Self::Commitment => None,
        }
    }
}

/// A chain that holds, and what that shows.
#[derive(Debug)]
pub struct ChainVerdict<'a> {
    /// What was verified.
    pub chain: &'a Chain,
    /// What the proofs establish.
    pub report: nascent_verifier::ChainReport,
    /// Step by step: what is shown, and what is not.
    pub story: Story,
    /// What of the last plan was compared.
    pub compared: Compared,
    /// Keys of the proofs.
    pub keys: ChainKeys,
    /// Versions, with what is known of their graphs.
    pub structures: Vec<Structure>,
    /// What of the chain the commitment that was given is to.
    pub commitment_of: Option<String>,
    /// What the caller asked for, or depends on, and was not shown.
    pub not_shown: Vec<String>,
    /// How long the proofs took.
    pub time: Duration,
}

/// Verifies a chain, and holds it against what the verifier has, which is about its last plan. `commitment`
/// is to be one of the chain's.
///
/// # Errors
/// A check that comes out false; a key that is not there.
pub fn verify<'a>(
    setting: &Setting<'_>,
    chain: &'a Chain,
    srs: &Srs,
    given: &Given<'_>,
    commitment: Option<&CommitmentData>,
) -> Result<ChainVerdict<'a>, ChainVerifyError> {
    let commitment_of = commitment.map(|data| of_chain(chain, data)).transpose()?;
    let plans = plan::earlier(chain.initializations.iter().map(|of| &of.bundle.plan))?;
    let compared = match chain.initializations.last() {
        Some(last) => given.compare(&last.bundle, &plans)?,
        None => Compared::default(),
    };
    let values = check_evidence(chain, &given.known)?;
    let of_last = values.last().map_or(&[][..], Vec::as_slice);
    given.known.check_used(of_last)?;
    let used: Vec<Digest32> = Named::of(chain).keys.into_iter().copied().collect();
    given.check_keys_used(&used)?;
    let mut material = Material::read(chain)?;
    let keys = ChainKeys::find(setting, chain, &material, &given.keys)?;
    let started = Instant::now();
    let report = verify_chain(chain, |digest| keys.get(digest), srs, &Pool)?;
    let time = started.elapsed();
    let versions = &report.versions;
    let structures = structure::of_chain(setting, given.model, chain, &material, versions, &plans)?;
    material.learn(&structures)?;
    check_public(chain, &material)?;
    check_cells(setting, chain, &material)?;
    let view = View {
        compared,
        keys: keys.uses(),
        values: &values,
        structures: &structures,
    };
    let story = story::tell(chain, &material, &report, &view)?;
    let mut not_shown: Vec<String> = given.open_keys(keys.are_known()).into_iter().collect();
    not_shown.extend(open_beacons(chain, compared, &values));
    for ((version, structure), whole) in versions.iter().zip(&structures).zip(&story.whole) {
        let of = Version {
            chain,
            version,
            structure,
            whole: *whole,
        };
        not_shown.extend(of.open(given, given.model.is_some()));
    }
    Ok(ChainVerdict {
        chain,
        report,
        story,
        compared,
        keys,
        structures,
        commitment_of,
        not_shown,
        time,
    })
}

/// Tells its maker of a chain that holds: nobody asked yet whose the keys are, or what the model is.
///
/// # Errors
/// Evidence, attached files or public values that are not as they should be.
pub fn tell(
    chain: &Chain,
    report: &nascent_verifier::ChainReport,
) -> Result<Story, ChainVerifyError> {
    let material = Material::read(chain)?;
    check_public(chain, &material)?;
    let values = check_evidence(chain, &Known::default())?;
    let view = View {
        values: &values,
        ..View::default()
    };
    Ok(story::tell(chain, &material, report, &view)?)
}

/// Checks the evidence of the beacons' values, plan by plan.
///
/// # Errors
/// Evidence that does not hold, or that the caller does not know.
pub(super) fn check_evidence<'a>(
    chain: &'a Chain,
    known: &Known<'_>,
) -> Result<Vec<Vec<Checked<'a>>>, EvidenceError> {
    let plans = chain.initializations.iter();
    plans
        .map(|of| evidence::check(&of.bundle.beacon, known))
        .collect()
}

/// Beacon values that their publisher could have made; what the caller knows is the last plan's.
fn open_beacons(chain: &Chain, compared: Compared, values: &[Vec<Checked<'_>>]) -> Vec<String> {
    let plans = chain.initializations.len();
    let each = (1..).zip(values).filter_map(|(number, values)| {
        let compared = match number == plans {
            true => compared,
            false => Compared::default(),
        };
        let open = open_beacon(compared, values)?;
        Some(match plans {
            1 => open,
            _ => format!("of plan {number}: {open}"),
        })
    });
    each.collect()
}

/// A version, and what is known of it.
struct Version<'a> {
    chain: &'a Chain,
    version: &'a nascent_verifier::chain::VersionReport,
    structure: &'a Structure,
    whole: Wholeness,
}

impl Version<'_> {
    /// What a caller asked to be shown of it, by giving model or plan, and was not.
    fn open(&self, given: &Given<'_>, model: bool) -> Option<String> {
        let name = Quoted(&self.version.name);
        let last = self.chain.initializations.len().checked_sub(1);
        match &self.version.origin {
            OriginReport::Initial(relayouts) => {
                let own = relayouts.iter().map(|of| of.initialization).max();
                if given.names_a_plan() && own != last {
                    return Some(format!(
                        "that {name} is what you gave plan, model or beacon value for: its weights are an \
                         earlier plan's"
                    ));
                }
            }
            OriginReport::Declared { .. } => {
                let mut answers = self.chain.answers.iter();
                let answers = answers.any(|answer| {
                    let of = self.chain.versions.get(usize::from(answer.version));
                    of.is_some_and(|of| of.name == self.version.name)
                });
                if given.names_a_plan() && answers && !given.accept_declared {
                    return Some(format!(
                        "that answers of {name} are by the weights that you gave plan, model or beacon \
                         value for: where its weights come from is declared (--accept-declared takes it)"
                    ));
                }
            }
        }
        if !model {
            return None;
        }
        match self.structure {
            Structure::Open(why) => Some(format!(
                "that the integer graph of {name} is the model that you gave: {why}"
            )),
            Structure::Shown { .. } if matches!(self.version.origin, OriginReport::Initial(_)) => {
                (!self.whole.counted).then(|| {
                    format!(
                        "that {name} has the initial weights: some of its numbers are chosen by the \
                         publisher, or not counted"
                    )
                })
            }
            Structure::Shown { .. } => {
                let open = self.structure.open_numbers();
                (!open.is_empty()).then(|| format!("of {name}, whose weights are declared: {}", open.join("; ")))
            }
            Structure::OtherPlan => Some(format!(
                "that the integer graph of {name} is the model that you gave: it was compiled for \
                 another plan, whose rules may fill the model's numbers otherwise"
            )),
        }
    }
}

/// What of a chain a published commitment is to.
fn of_chain(chain: &Chain, given: &CommitmentData) -> Result<String, ChainVerifyError> {
    let deviates = (1..).zip(&chain.initializations);
    let deviates = deviates.map(|(number, of)| (&of.deviates, format!("initial weights {number}")));
    let versions = chain.versions.iter();
    let versions = versions.map(|of| (&of.commitment, format!("model {}", Quoted(&of.name))));
    let mut all = deviates.chain(versions);
    let found = all.find(|(commitment, _)| *commitment == given);
    let (_, whose) = found.ok_or(ChainVerifyError::Commitment)?;
    Ok(whose)
}

/// Public inputs lie in the ranges that their architectures declare, where the chain has them.
pub(super) fn check_public(chain: &Chain, material: &Material) -> Result<(), ChainVerifyError> {
    for (number, answer) in (1..).zip(&chain.answers) {
        let bundle = &answer.inference;
        if let Some(graph) = material.graphs.get(&bundle.architecture) {
            let checked = model::check_public(graph, bundle);
            checked.map_err(|source| ChainVerifyError::Answer { number, source })?;
        }
    }
    Ok(())
}

/// Parameters of an answer with hidden values stand where the relayout of its version has them: the
/// circuits are two, and the links between them compare cells.
fn check_cells(
    setting: &Setting<'_>,
    chain: &Chain,
    material: &Material,
) -> Result<(), ChainVerifyError> {
    let mut seen = BTreeSet::new();
    for (number, answer) in (1..).zip(&chain.answers) {
        let bundle = &answer.inference;
        let hidden = hidden_of(bundle);
        let version = chain.versions.get(usize::from(answer.version));
        let initial = version.is_some_and(|of| matches!(of.origin, Origin::Initial(_)));
        let Some(graph) = material.graphs.get(&bundle.architecture) else {
            continue;
        };
        let which = (bundle.architecture, hidden.inputs, hidden.outputs);
        if !initial || hidden == Hidden::default() || !seen.insert(which) {
            continue;
        }
        let lay_out = |hidden| {
            let laid = model::lay_out(setting, graph, hidden);
            laid.map_err(|source| ChainVerifyError::Answer { number, source })
        };
        let ((own, _), (relaid, _)) = (lay_out(hidden)?, lay_out(Hidden::default())?);
        if !own.has_cells_of(&relaid) {
            return Err(ChainVerifyError::Cells { number });
        }
    }
    Ok(())
}

/// A key, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct KeyReport {
    /// Which proofs are under it.
    #[serde(rename = "for")]
    pub what: &'static str,
    /// Its digest, in hexadecimal.
    pub key: String,
    /// Where it came from.
    pub origin: KeyOrigin,
}

/// Public values of an answer, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct PublicValues<'a> {
    /// Inputs; none if they are hidden.
    pub inputs: &'a [i64],
    /// Outputs; none if they are hidden.
    pub outputs: &'a [i64],
}

/// What is shown of a version, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct VersionReport<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether its weights are linked to the initial ones.
    pub linked_to_initial_weights: bool,
    /// Whether its graph is the model that was given.
    pub graph_is_the_model: bool,
    /// Whether it is shown to have the initial weights.
    pub has_the_initial_weights: bool,
}

/// A verdict on a chain, for machines.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `ChainVerdict`")]
pub struct ChainReport<'a> {
    #[serde(flatten)]
    pub story: &'a Story,
    pub commitment_of: Option<&'a str>,
    pub proofs: u64,
    pub links: u64,
    pub srs: String,
    pub development_srs: bool,
    pub checked: Compared,
    pub fills: Vec<Vec<FillReport>>,
    pub answers: Vec<PublicValues<'a>>,
    pub keys: Vec<KeyReport>,
    pub verify_seconds: f64,
    pub versions: Vec<VersionReport<'a>>,
}

impl ChainVerdict<'_> {
    /// All of it, for machines.
    pub fn report(&self) -> ChainReport<'_> {
        let report = &self.report;
        let plans = self.chain.initializations.iter();
        let answers = self.chain.answers.iter().map(|answer| PublicValues {
            inputs: &answer.inference.inputs,
            outputs: &answer.inference.outputs,
        });
        let keys = self.keys.uses().iter().map(|of| KeyReport {
            what: of.what,
            key: hex::encode(of.digest),
            origin: of.origin,
        });
        let versions = report.versions.iter().zip(&self.structures);
        let versions = versions.zip(&self.story.whole);
        let versions = versions.map(|((version, structure), whole)| {
            let initial = report.is_initial(&version.name);
            VersionReport {
                name: &version.name,
                linked_to_initial_weights: initial,
                graph_is_the_model: structure.is_shown(),
                has_the_initial_weights: initial && whole.all,
            }
        });
        ChainReport {
            story: &self.story,
            commitment_of: self.commitment_of.as_deref(),
            proofs: report.proofs,
            links: report.links,
            srs: hex::encode(report.srs_digest),
            development_srs: report.development_srs,
            checked: self.compared,
            fills: plans
                .map(|of| fills::report(&of.bundle.plan.model))
                .collect(),
            answers: answers.collect(),
            keys: keys.collect(),
            verify_seconds: self.time.as_secs_f64(),
            versions: versions.collect(),
        }
    }
}
