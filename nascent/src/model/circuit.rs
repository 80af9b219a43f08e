//! An architecture's circuit, its verifying key, and what a verifier holds against the architecture.

use crate::error::{Failure, Kind};
use crate::keys::{self, KeysError};
use crate::setting::Setting;
use crate::srs;
use nascent_circuits::inference::plan::layout::Layout;
use nascent_circuits::inference::plan::{Hidden, PlanError, choose_within, plan_within};
use nascent_circuits::inference::{CheckError, InferenceCircuit, Shape};
use nascent_ir::{CheckedGraph, GraphError, Range, TensorId};
use nascent_params::Srs;
use nascent_prover::error::KeyError;
use nascent_prover::estimate::InferenceCost;
use nascent_prover::inference::InferenceKeys;
use nascent_verifier::codec::FormatError;
use nascent_verifier::text::Quoted;
use nascent_verifier::{Digest32, InferenceBundle, VerifyingKey};
use std::sync::Arc;

/// What is wrong with an architecture, or with public values beside it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ModelError {
    /// It has no layout, or one that takes more memory than the caller allows.
    #[error(transparent)]
    Layout(#[from] PlanError),
    /// It has no canonical form.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// Its key, or the SRS.
    #[error(transparent)]
    Keys(#[from] KeysError),
    /// Keys of its circuit could not be made.
    #[error(transparent)]
    Circuit(#[from] KeyError),
    /// The layout that was made of it is not one.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// Values of another number than the architecture has.
    #[error("{got} {which} {name}, the architecture has {expected}")]
    Count {
        /// Hidden or public.
        which: &'static str,
        /// Inputs or outputs.
        name: &'static str,
        /// The architecture's.
        expected: u64,
        /// The answer's.
        got: u64,
    },
    /// A public input outside of its range.
    #[error("input {value} of {} is not in {range}", Quoted(name))]
    Range {
        /// The input's name.
        name: String,
        /// The value.
        value: i64,
        /// What the architecture declares.
        range: Range,
    },
}

impl Failure for ModelError {
    fn kind(&self) -> Kind {
        match self {
            Self::Layout(_) => Kind::Input,
            Self::Graph(_) | Self::Circuit(_) | Self::Check(_) => Kind::Internal,
            Self::Keys(error) => error.kind(),
            Self::Count { .. } | Self::Range { .. } => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Keys(error) => error.help(),
            _ => None,
        }
    }
}

/// The layout of an architecture: a function of it and of what is hidden alone.
///
/// # Errors
/// A graph that has no layout, or one that takes more memory than the caller allows: before it is taken.
pub fn lay_out(
    setting: &Setting<'_>,
    graph: &CheckedGraph,
    hidden: Hidden,
) -> Result<(Layout, Shape), ModelError> {
    let budget = setting.budget();
    let lanes = choose_within(graph, hidden, budget)?;
    let layout = plan_within(graph, lanes, hidden, budget)?;
    let shape = layout.shape(None)?;
    Ok((layout, shape))
}

/// An architecture's verifying key, with its circuit and the SRS.
pub struct Derived {
    /// The circuit, without values.
    pub circuit: InferenceCircuit,
    /// Its key.
    pub key: VerifyingKey,
    /// The SRS of its size.
    pub srs: Srs,
}

/// The verifying key of an architecture, without the prover's.
///
/// # Errors
/// As [`lay_out`]; a key that takes more memory than the caller allows: before it is taken.
pub fn verifying_key(
    setting: &Setting<'_>,
    graph: &CheckedGraph,
    hidden: Hidden,
    srs: &Digest32,
) -> Result<Derived, ModelError> {
    let (layout, shape) = lay_out(setting, graph, hidden)?;
    allow_key(setting, &layout, &shape)?;
    let srs = srs::load(setting, srs, shape.k).map_err(KeysError::from)?;
    let architecture = graph.digest()?;
    let derived = InferenceKeys::derive(&architecture, Arc::new(layout), shape, &srs);
    let (circuit, key) = derived?;
    Ok(Derived { circuit, key, srs })
}

/// Refuses a circuit whose verifying key takes more memory than the caller allows.
///
/// # Errors
/// It does.
pub fn allow_key(setting: &Setting<'_>, layout: &Layout, shape: &Shape) -> Result<(), KeysError> {
    let columns = InferenceCost::new(shape).fixed_columns;
    keys::allow(setting, keys::memory(layout.memory, shape.k, columns))
}

/// [`verifying_key`] for a verifier, who also looks at the layout that the planner made.
pub(crate) fn derive_key(
    setting: &Setting<'_>,
    graph: &CheckedGraph,
    hidden: Hidden,
    srs: &Digest32,
) -> Result<VerifyingKey, ModelError> {
    let derived = verifying_key(setting, graph, hidden, srs)?;
    derived.circuit.check()?;
    Ok(derived.key)
}

/// What of an answer is hidden.
pub(crate) fn hidden_of(bundle: &InferenceBundle) -> Hidden {
    Hidden {
        inputs: bundle.hidden_inputs.is_some(),
        outputs: bundle.hidden_outputs.is_some(),
    }
}

/// Public values, and numbers of hidden ones, are those that the architecture declares.
///
/// # Errors
/// Too few, too many, or a public input outside of its range.
pub fn check_public(graph: &CheckedGraph, bundle: &InferenceBundle) -> Result<(), ModelError> {
    let elements = |ids: &[TensorId]| -> u64 {
        let each = ids.iter().map(|&id| graph.tensor(id).elements() as u64);
        each.fold(0, u64::saturating_add)
    };
    let lists = [
        (
            &bundle.hidden_inputs,
            &bundle.inputs,
            &graph.inputs,
            "inputs",
        ),
        (
            &bundle.hidden_outputs,
            &bundle.outputs,
            &graph.outputs,
            "outputs",
        ),
    ];
    for (hidden, open, ids, name) in lists {
        let (which, got) = match hidden {
            Some(hidden) => ("hidden", hidden.count.into()),
            None => ("public", open.len() as u64),
        };
        let expected = elements(ids);
        if got != expected {
            return Err(ModelError::Count {
                which,
                name,
                expected,
                got,
            });
        }
    }
    if bundle.hidden_inputs.is_some() {
        return Ok(());
    }
    let infos = graph.inputs.iter().map(|&id| graph.tensor(id));
    let declared = infos.flat_map(|info| std::iter::repeat_n(info, info.elements()));
    for (&value, info) in bundle.inputs.iter().zip(declared) {
        if !info.range.contains(value) {
            return Err(ModelError::Range {
                name: info.name.clone(),
                value,
                range: info.range,
            });
        }
    }
    Ok(())
}
