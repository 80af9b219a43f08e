//! Relayouts: that the weights of an architecture are the deviates of a plan's tiles; proofs of it, and
//! their verification.

mod prove;
mod verify;

pub use prove::{ProofReport, ProveError, Prover, Relayout};
pub use verify::{
    Against, CoverageReport, Covers, RelayoutVerdict, StatementReport, TileReport, VerdictReport,
    derive_key, verify,
};

use crate::commitment::CommitmentError;
use crate::error::{Failure, Kind};
use crate::given::GivenError;
use crate::keys::KeysError;
use crate::model::{self, ModelError};
use crate::setting::Setting;
use nascent_circuits::inference::Hidden;
use nascent_circuits::relayout::{CheckError, Layout, PlanError, plan_within};
use nascent_ir::{CheckedGraph, GraphError, Origins, OriginsError};
use nascent_prover::relayout::RelayoutProofError;
use nascent_verifier::codec::FormatError;
use nascent_verifier::{
    ModelSpec, PlanError as PlanFileError, RelayoutError as Refused, SpecError,
};
use std::sync::Arc;

/// Why there is no relayout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RelayoutError {
    /// The architecture's own layout.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// It has no layout.
    #[error(transparent)]
    Layout(#[from] PlanError),
    /// Its key, or the SRS.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Its circuit's key could not be made.
    #[error(transparent)]
    Circuit(#[from] RelayoutProofError),
    /// The layout that was made is not one.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// The list of origins has no canonical form.
    #[error(transparent)]
    Origins(#[from] FormatError<OriginsError>),
    /// The architecture has no canonical form.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// The plan's model has no canonical form.
    #[error(transparent)]
    Spec(#[from] FormatError<SpecError>),
    /// The plan has no canonical form.
    #[error(transparent)]
    Plan(#[from] FormatError<PlanFileError>),
    /// What was given is about something else.
    #[error(transparent)]
    Given(#[from] GivenError),
    /// The proof.
    #[error(transparent)]
    Proof(#[from] Refused),
    /// It is not linked to the commitment.
    #[error(transparent)]
    Commitment(#[from] CommitmentError),
    /// A tile that is not the committed one.
    #[error("tile {index} of stream {stream}")]
    Tile {
        /// The stream.
        stream: u16,
        /// The tile.
        index: u64,
        /// Why not.
        source: CommitmentError,
    },
    /// The proof's statement is another.
    #[error("it is about another plan, architecture or list of origins")]
    Statement,
}

impl Failure for RelayoutError {
    fn kind(&self) -> Kind {
        match self {
            Self::Model(error) => error.kind(),
            Self::Layout(_) => Kind::Input,
            Self::Keys(error) => error.kind(),
            Self::Circuit(_) | Self::Check(_) => Kind::Internal,
            Self::Origins(_) | Self::Graph(_) | Self::Spec(_) | Self::Plan(_) => Kind::Input,
            Self::Given(error) => error.kind(),
            Self::Commitment(error) | Self::Tile { source: error, .. } => error.kind(),
            Self::Statement | Self::Proof(_) => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Model(error) => error.help(),
            Self::Keys(error) => error.help(),
            Self::Given(error) => error.help(),
            Self::Commitment(error) | Self::Tile { source: error, .. } => error.help(),
            Self::Proof(_) => Some("this proof shows nothing".to_owned()),
            Self::Layout(_) => Some("compile the model again with this plan".to_owned()),
            _ => None,
        }
    }
}

/// The layout of a relayout: a function of model, architecture and origins alone.
///
/// # Errors
/// There is none, or it takes more memory than the caller allows.
pub fn lay_out(
    setting: &Setting<'_>,
    model: &ModelSpec,
    graph: &CheckedGraph,
    origins: &Origins,
) -> Result<Layout, RelayoutError> {
    let (inference, shape) = model::lay_out(setting, graph, Hidden::default())?;
    let (inference, budget) = (Arc::new(inference), setting.budget());
    Ok(plan_within(
        model, origins, graph, inference, &shape, budget,
    )?)
}
