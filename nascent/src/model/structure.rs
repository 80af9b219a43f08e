//! Whether an integer graph is a model: the model's file is lowered again, by the profile.
//!
//! Neither samples nor weights play a part, so a verifier who has the model's file can do it, with a
//! hidden seed too, and for a checkpoint whose weights are secret.

use super::file::ModelFile;
use crate::error::{Failure, Kind};
use crate::setting::Setting;
use crate::words::count;
use nascent_compiler::infer::{InferError, Lowering, Planned, Profile, lower_within};
use nascent_ir::{CheckedGraph, GraphError, OriginsError};
use nascent_verifier::Digest32;
use nascent_verifier::codec::FormatError;
use nascent_verifier::text::Quoted;
use std::path::PathBuf;

/// Bytes of an element of a model that is being lowered: the largest tensors are a quarter of all, and
/// have 8 bytes.
const ELEMENT: u64 = 32;
/// Most elements of one tensor, whatever the memory.
const MOST_ELEMENTS: u64 = 1 << 28;

/// Most elements of one tensor of a model's file.
pub fn max_elements(setting: &Setting<'_>) -> u64 {
    (setting.memory / ELEMENT).min(MOST_ELEMENTS)
}

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
    pub(crate) fn shown(lowering: Lowering, profile: &Profile) -> Self {
        Self::Shown {
            lowering: Box::new(lowering),
            profile: profile.to_string(),
        }
    }

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

    /// Weights that nothing holds to one another, where the model does: those of a tensor that it uses
    /// twice, say. A relayout holds them to a plan's deviates.
    pub fn loose_numbers(&self) -> u64 {
        let Some(lowering) = self.lowering() else {
            return 0;
        };
        let loose = lowering.loose.iter();
        loose
            .map(|&id| lowering.graph.tensor(id).elements() as u64)
            .sum()
    }

    /// What of the committed numbers is the prover's choice where no relayout holds them; none if they are
    /// the model's with some weights.
    pub fn open_numbers(&self) -> Vec<String> {
        let mut open = Vec::new();
        let (others, loose) = (self.other_numbers(), self.loose_numbers());
        if others > 0 {
            open.push(format!(
                "that the committed numbers which are no weights are the model's: {} multipliers, \
                 biases and constants are the prover's here, and only a relayout in a chain holds them",
                count(others)
            ));
        }
        if loose > 0 {
            open.push(format!(
                "that {} of the weights are what the model makes of its tensors: it uses a tensor twice, \
                 or makes weights by a function, and nothing holds these numbers to one another",
                count(loose)
            ));
        }
        open
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

/// Why an integer graph is not a model.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StructureError {
    /// The profile is another architecture's.
    #[error(
        "the profile is of the architecture {}, the proof of {}",
        hex::encode(profile),
        hex::encode(proof)
    )]
    Profile {
        /// The profile's.
        profile: Digest32,
        /// The proof's.
        proof: Digest32,
    },
    /// The model does not lower to it.
    #[error("lowering {} again", model.display())]
    Lower {
        /// The model's file.
        model: PathBuf,
        /// Why not.
        source: Box<InferError>,
    },
    /// A version of a chain whose graph, or whose weights' places, are not the model's.
    #[error("weights {}", Quoted(name))]
    Version {
        /// Its name.
        name: String,
        /// Why not.
        source: Box<StructureError>,
    },
    /// Another list of origins than the model's.
    #[error("its relayout is by another list of origins than the model's")]
    Origins,
    /// Weights of one of the plans without a proof.
    #[error("a relayout to one of its plans is missing")]
    MissingRelayout,
    /// A relayout without weights.
    #[error("it has a relayout to a plan that the model takes no weights from")]
    ExtraRelayout,
    /// A graph without a canonical form.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// A list of origins without a canonical form.
    #[error(transparent)]
    List(#[from] FormatError<OriginsError>),
}

impl Failure for StructureError {
    fn kind(&self) -> Kind {
        match self {
            Self::Graph(_) | Self::List(_) => Kind::Internal,
            _ => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Lower { .. } => Some(
                "the integer graph is not this model in fixed point: ask for the model's file, or \
                 do not trust the graph"
                    .to_owned(),
            ),
            Self::Version { source, .. } => source.help(),
            _ => None,
        }
    }
}

impl ModelFile {
    /// Lowers it with a profile.
    ///
    /// # Errors
    /// The integer graph that the profile names is not this model.
    pub fn lower(
        &self,
        setting: &Setting<'_>,
        profile: &Profile,
        planned: Option<Planned<'_>>,
    ) -> Result<Lowering, StructureError> {
        let most = max_elements(setting);
        let lowered = lower_within(&self.onnx(), profile, planned, most);
        lowered.map_err(|source| StructureError::Lower {
            model: self.path.clone(),
            source: Box::new(source),
        })
    }
}

/// An architecture by itself: its graph is the model's, or an error says why not.
///
/// # Errors
/// The profile is another's, or the model lowers to something else.
pub fn of_architecture(
    setting: &Setting<'_>,
    model: &ModelFile,
    architecture: &Digest32,
    profile: &Profile,
    planned: Option<Planned<'_>>,
) -> Result<(Structure, CheckedGraph), StructureError> {
    if profile.architecture != *architecture {
        return Err(StructureError::Profile {
            profile: profile.architecture,
            proof: *architecture,
        });
    }
    let lowering = model.lower(setting, profile, planned)?;
    let graph = lowering.graph.clone();
    Ok((Structure::shown(lowering, profile), graph))
}
