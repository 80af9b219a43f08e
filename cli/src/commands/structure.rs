//! Whether an integer graph is a model: the model's file is lowered again, by the profile.
//!
//! Neither samples nor weights play a part, so a verifier who has the model's file can do it, with a
//! hidden seed too, and for a checkpoint whose weights are secret.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::Context;
use nascent_compiler::Earlier;
use nascent_compiler::infer::{Lowering, Model, Planned, Profile, lower_within};
use nascent_ir::CheckedGraph;
use nascent_verifier::chain::{Chain, OriginReport, VersionReport};
use nascent_verifier::text::Quoted;
use std::path::{Path, PathBuf};

use super::chain::Material;

/// Most bytes of a model file.
const MAX_MODEL: usize = 2 << 30;

/// What is known of a version's integer graph.
#[derive(Debug, Clone)]
pub enum Structure {
    /// It is the model that was given, in fixed point.
    Shown {
        /// The graph, lowered again.
        lowering: Box<Lowering>,
        /// The profile, in a line.
        profile: String,
    },
    /// That was not shown, for this reason.
    Open(String),
    /// That was not asked: its plan is not the one that the model was given for.
    OtherPlan,
}

impl Structure {
    /// Whether the graph is the model's.
    pub fn is_shown(&self) -> bool {
        matches!(self, Self::Shown { .. })
    }

    /// What the model was lowered to.
    pub fn lowering(&self) -> Option<&Lowering> {
        match self {
            Self::Shown { lowering, .. } => Some(lowering),
            Self::Open(_) | Self::OtherPlan => None,
        }
    }

    /// Numbers of parameters that are no weights: they follow from model and profile, and only a
    /// relayout holds the committed ones to that.
    pub fn other_numbers(&self) -> u64 {
        let Some(lowering) = self.lowering() else {
            return 0;
        };
        let others = lowering.graph.params();
        let others = others.filter(|id| !lowering.stored.contains_key(id));
        others
            .map(|id| lowering.graph.tensor(id).elements() as u64)
            .sum()
    }
}

/// A model's file.
#[derive(Debug)]
pub struct ModelFile {
    path: PathBuf,
    bytes: Vec<u8>,
    max_elements: u64,
}

impl ModelFile {
    /// Reads it.
    pub fn read(context: &Context, path: &Path) -> Result<Self> {
        Ok(Self {
            path: path.to_path_buf(),
            bytes: files::read_bounded(path, MAX_MODEL)?,
            max_elements: context.max_elements(),
        })
    }

    /// Lowers it with a profile.
    pub fn lower(&self, profile: &Profile, planned: Option<Planned<'_>>) -> Result<Lowering> {
        let model = Model {
            bytes: &self.bytes,
            folder: self.path.parent(),
        };
        lower_within(&model, profile, planned, self.max_elements)
            .or_fail(Kind::Refused)
            .doing(format!("lowering {} again", self.path.display()))
            .help("the integer graph is not this model in fixed point: ask for the model's file, or do not trust the graph")
    }
}

fn shown(lowering: Lowering, profile: &Profile) -> Structure {
    Structure::Shown {
        lowering: Box::new(lowering),
        profile: profile.to_string(),
    }
}

/// An architecture by itself: its graph is the model's, or an error says why not.
pub fn of_architecture(
    model: &ModelFile,
    architecture: &[u8; 32],
    profile: &Profile,
    planned: Option<Planned<'_>>,
) -> Result<(Structure, CheckedGraph)> {
    if profile.architecture != *architecture {
        let message = format!(
            "the profile is of the architecture {}, the proof of {}",
            hex::encode(profile.architecture),
            hex::encode(architecture)
        );
        return Err(Failure::new(Kind::Refused, message));
    }
    let lowering = model.lower(profile, planned)?;
    let graph = lowering.graph.clone();
    Ok((shown(lowering, profile), graph))
}

/// The versions of a chain, in order. The model is that of the last plan.
///
/// # Errors
/// A version whose weights that plan derives, and whose integer graph or origins are not the model's.
pub fn of_chain(
    model: Option<&ModelFile>,
    chain: &Chain,
    material: &Material,
    versions: &[VersionReport],
    plans: &[Earlier<'_>],
) -> Result<Vec<Structure>> {
    let each = versions.iter();
    each.map(|version| of_version(model, chain, material, version, plans))
        .collect()
}

fn of_version(
    model: Option<&ModelFile>,
    chain: &Chain,
    material: &Material,
    version: &VersionReport,
    plans: &[Earlier<'_>],
) -> Result<Structure> {
    let Some(model) = model else {
        let why = "give the model's file: --model";
        return Ok(Structure::Open(why.to_owned()));
    };
    let Some(profile) = material.profiles.get(&version.architecture) else {
        let why =
            "the chain has no profile of it: ask for one made with the folder of `nascent compile`";
        return Ok(Structure::Open(why.to_owned()));
    };
    let spec = |position: usize| {
        let of = chain.initializations.get(position);
        of.map(|of| &of.bundle.plan.model)
    };
    let OriginReport::Initial(relayouts) = &version.origin else {
        return Ok(declared(model, profile, plans));
    };
    let own = relayouts.iter().map(|of| of.initialization).max();
    let (own, last) = (
        own.unwrap_or(0),
        chain.initializations.len().saturating_sub(1),
    );
    if own != last {
        return Ok(Structure::OtherPlan);
    }
    let Some(own) = spec(own) else {
        return Ok(Structure::Open("its plan is not there".to_owned()));
    };
    let doing = || format!("weights {}", Quoted(&version.name));
    let planned = Planned {
        spec: own,
        earlier: plans.get(..last).unwrap_or(&[]),
    };
    let lowering = model.lower(profile, Some(planned)).doing(doing())?;
    let refused = |what: String| Err(Failure::new(Kind::Refused, what).context(doing()));
    for origins in &lowering.origins {
        let digest = origins.digest().or_fail(Kind::Internal)?;
        let of_model = |position: usize| spec(position).and_then(|spec| spec.digest().ok());
        let mut own = relayouts.iter();
        match own.find(|of| of_model(of.initialization) == Some(origins.model)) {
            Some(of) if of.origins == digest => {}
            Some(_) => {
                return refused(
                    "its relayout is by another list of origins than the model's".to_owned(),
                );
            }
            None if origins.params.is_empty() => {}
            None => return refused("a relayout to one of its plans is missing".to_owned()),
        }
    }
    if relayouts.len() > lowering.origins.len() {
        return refused(
            "it has a relayout to a plan that the model takes no weights from".to_owned(),
        );
    }
    Ok(shown(lowering, profile))
}

/// A version whose weights are declared: its graph may be the model's all the same.
fn declared(model: &ModelFile, profile: &Profile, plans: &[Earlier<'_>]) -> Structure {
    let of_plan = |of: &&Earlier<'_>| of.model.digest().ok() == profile.model;
    let planned = plans.iter().find(of_plan).map(|of| Planned {
        spec: of.model,
        earlier: plans,
    });
    match model.lower(profile, planned) {
        Ok(lowering) => shown(lowering, profile),
        Err(failure) => Structure::Open(failure.messages().join(": ")),
    }
}
