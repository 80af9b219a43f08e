//! From the file's graph to the float graph.

use super::cx::Cx;
use super::derived::{Derivation, Planned};
use super::error::{InferError, Result};
use super::flow::{Budget, Flow, Input, MOST_FOLDED, Op, Source, ValueId};
use super::ops;
use super::options::Options;
use super::profile::Tape;
use super::tensor::Tensor;
use crate::error::CompileError;
use crate::graph::{self, Dim, Graph, Origin};
use crate::limits::Limits;
use crate::roles::{Role, assign};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

/// Reduces every node to operators of the float graph.
///
/// Which stored tensors are weights follows from the file: with a plan those that it samples, without
/// one those of more than one element that an operator takes as weights, biases or parameters of a
/// normalization. Structure does not depend on their values; where it would, they are part of the
/// model after all. While `tape` is read, their values are not.
pub(crate) fn build(
    graph: &Graph,
    options: &Options,
    derivation: Option<&Derivation<'_>>,
    tape: &Tape,
) -> Result<Flow> {
    let refused = |node: Box<crate::error::NodeRef>, tensors: Vec<String>| InferError::Tensor {
        name: tensors.join("`, `"),
        reason: format!(
            "the plan samples it, but the graph that {node} makes depends on its values; give it a \
             constant in the rules, or compile without the plan"
        ),
    };
    let folded = Arc::new(AtomicU64::new(MOST_FOLDED));
    if let Some(derivation) = derivation {
        let stored = Stored::Planned(derivation);
        return build_with(graph, options, &stored, tape.clone(), folded.clone()).map_err(
            |error| match error {
                InferError::Withheld { node, tensors } => refused(node, tensors),
                other => other,
            },
        );
    }
    let mut weights = weights(graph);
    loop {
        let stored = Stored::Weights(&weights);
        match build_with(graph, options, &stored, tape.clone(), folded.clone()) {
            Err(InferError::Withheld { tensors, .. })
                if tensors.iter().any(|name| weights.contains(name)) =>
            {
                for name in &tensors {
                    weights.remove(name);
                }
            }
            made => return made,
        }
    }
}

/// Stored tensors that operators take as weights.
fn weights(graph: &Graph) -> BTreeSet<String> {
    let is_stored = |id: &graph::ValueId| !matches!(graph.values[*id].origin, Origin::Input);
    match assign(graph, &[], &Limits::default()) {
        Ok(parameters) => {
            let weights = parameters.into_iter().filter(|parameter| {
                parameter.role != Role::Other
                    && parameter.elements() > 1
                    && parameter.value.as_ref().is_some_and(is_stored)
            });
            weights.map(|parameter| parameter.name).collect()
        }
        // Such as quantized weights, which have no rules: all values are part of the model.
        Err(_) => BTreeSet::new(),
    }
}

/// Reduces every node, with weights as given.
fn build_with(
    graph: &Graph,
    options: &Options,
    stored: &Stored<'_>,
    tape: Tape,
    folded: Arc<AtomicU64>,
) -> Result<Flow> {
    let withhold = !tape.is_recording();
    let mut flow = Flow {
        name: graph.name.clone(),
        values: Vec::new(),
        inputs: Vec::new(),
        outputs: Vec::new(),
        nodes: graph.nodes.iter().map(|node| node.at.clone()).collect(),
        budget: Budget {
            value: options.max_elements,
            elements: options.max_elements.saturating_mul(4),
            products: options.max_products,
            folded,
        },
        sampled: Vec::new(),
        weights: Vec::new(),
        ties: BTreeMap::new(),
        tape,
    };
    let file = File {
        graph,
        stored,
        withhold,
    };
    // Values that belong to no node are named after one that has no operator.
    let nowhere = flow.nodes.len();
    flow.nodes.push(crate::error::NodeRef {
        name: graph.name.clone(),
        op: "graph".to_owned(),
        opset: graph.opsets.get("").copied().unwrap_or(0),
    });
    let mut made: BTreeMap<graph::ValueId, ValueId> = BTreeMap::new();
    for &id in &graph.inputs {
        // A model without weights may have them as inputs.
        if withhold && stored.is_planned(&graph.values[id].name) {
            let dims = graph.fixed_dims(id).unwrap_or_default();
            let tensor = Tensor::withheld(&sizes(&dims).unwrap_or_default());
            let value = file.constant(id, nowhere, tensor, &mut flow)?;
            made.insert(id, value);
            continue;
        }
        let input = input(&graph.values[id], options)?;
        flow.inputs.push(input);
        let op = Op::Input(flow.inputs.len() - 1);
        let value = flow.emit(nowhere, op, &[]);
        let value = value.map_err(|fault| fault.at(&flow.nodes[nowhere]))?;
        made.insert(id, value);
    }
    for (at, node) in graph.nodes.iter().enumerate() {
        let operator = ops::find(node)?;
        let mut inputs = Vec::with_capacity(node.inputs.len());
        for slot in &node.inputs {
            inputs.push(match slot {
                Some(id) => Some(file.value(*id, nowhere, &mut made, &mut flow)?),
                None => None,
            });
        }
        let mut cx = Cx {
            flow: &mut flow,
            node,
            at,
            inputs,
            opset: node.at.opset,
        };
        let outputs = operator.check(&cx).and_then(|()| (operator.build)(&mut cx));
        let outputs = outputs.map_err(|fault| fault.at(&node.at))?;
        for (slot, id) in node.outputs.iter().enumerate() {
            let Some(id) = id else { continue };
            let Some(&value) = outputs.get(slot) else {
                if graph.uses_of(*id).is_empty() && !graph.outputs.contains(id) {
                    continue;
                }
                return Err(InferError::Form {
                    node: Box::new(node.at.clone()),
                    reason: format!("its output {slot} is not supported"),
                });
            };
            // A `Constant` node may hold weights.
            if operator.name == "Constant" {
                file.mark(*id, value, &mut flow)?;
            }
            made.insert(*id, value);
        }
    }
    for &id in &graph.outputs {
        let value = file.value(id, nowhere, &mut made, &mut flow)?;
        flow.outputs.push((graph.values[id].name.clone(), value));
    }
    if flow.outputs.is_empty() {
        return Err(CompileError::Missing { what: "outputs" }.into());
    }
    Ok(flow.prune())
}

/// Which stored tensors are weights.
enum Stored<'a> {
    /// Those that a plan samples; it also has the values of others.
    Planned(&'a Derivation<'a>),
    /// Those with these names.
    Weights(&'a BTreeSet<String>),
}

impl Stored<'_> {
    /// Whether a plan says what the tensor is.
    fn is_planned(&self, name: &str) -> bool {
        match self {
            Self::Planned(derivation) => derivation.names(name),
            Self::Weights(_) => false,
        }
    }

    /// Whether the file's own values of the tensor do not count.
    fn replaces(&self, name: &str) -> bool {
        match self {
            Self::Planned(derivation) => derivation.names(name),
            Self::Weights(weights) => weights.contains(name),
        }
    }
}

/// The file, and what is known about its constants.
struct File<'a> {
    graph: &'a Graph,
    stored: &'a Stored<'a>,
    /// Whether the values of weights are not read.
    withhold: bool,
}

impl File<'_> {
    /// The value of the float graph for one of the file's; initializers are read at their first
    /// use.
    fn value(
        &self,
        id: graph::ValueId,
        nowhere: usize,
        made: &mut BTreeMap<graph::ValueId, ValueId>,
        flow: &mut Flow,
    ) -> Result<ValueId> {
        if let Some(&value) = made.get(&id) {
            return Ok(value);
        }
        let source = &self.graph.values[id];
        let fail = |reason: String| InferError::Tensor {
            name: source.name.clone(),
            reason,
        };
        let Origin::Initializer(tensor) = &source.origin else {
            return Err(fail("nothing in the main graph defines it".to_owned()));
        };
        let tensor = if self.withhold && self.stored.replaces(&source.name) {
            let shape = sizes(&tensor.dims).ok_or_else(|| fail("it is too large".to_owned()))?;
            Tensor::withheld(&shape)
        } else {
            Tensor::read(tensor).map_err(fail)?
        };
        let value = self.constant(id, nowhere, tensor, flow)?;
        made.insert(id, value);
        Ok(value)
    }

    /// Appends a constant of the file.
    fn constant(
        &self,
        id: graph::ValueId,
        nowhere: usize,
        tensor: Tensor,
        flow: &mut Flow,
    ) -> Result<ValueId> {
        let value = flow.emit_constant(nowhere, tensor);
        let value = value.map_err(|fault| fault.at(&flow.nodes[nowhere]))?;
        self.mark(id, value, flow)?;
        Ok(value)
    }

    /// Says whether a constant of the file is a weight, and what a plan makes of it.
    fn mark(&self, id: graph::ValueId, value: ValueId, flow: &mut Flow) -> Result<()> {
        let name = &self.graph.values[id].name;
        let Some(tensor) = flow.tensor(value).cloned() else {
            return Ok(());
        };
        let tensor = match self.withhold && self.stored.replaces(name) {
            true => Arc::new(Tensor::withheld(tensor.shape())),
            false => tensor,
        };
        match self.stored {
            Stored::Weights(weights) if !weights.contains(name) => return Ok(()),
            Stored::Weights(_) => flow.values[value].op = Op::Constant(tensor),
            Stored::Planned(derivation) => match derivation.planned(name, &tensor)? {
                Planned::Unnamed => return Ok(()),
                Planned::Constant(filled) => {
                    let filled = filled.expanded(tensor.shape());
                    let filled = filled.map_err(|fault| fault.at(flow.node(value)))?;
                    flow.values[value].op = Op::Constant(Arc::new(filled));
                    return Ok(());
                }
                Planned::Sampled(source) => {
                    if let Source::Exact(exact) = &source {
                        flow.sampled.push(Arc::clone(&exact.sampled));
                    }
                    flow.values[value].op = Op::Constant(tensor);
                    flow.values[value].source = Some(source);
                }
            },
        }
        let known = flow.weights.iter().position(|other| other == name);
        let at = known.unwrap_or(flow.weights.len());
        if known.is_none() {
            flow.weights.push(name.clone());
        }
        flow.values[value].weights = BTreeSet::from([at]);
        flow.values[value].free = BTreeSet::from([at]);
        Ok(())
    }
}

/// Dimensions in this machine's type, if all elements can be counted.
fn sizes(dims: &[u64]) -> Option<Vec<usize>> {
    let dims = dims.iter().map(|&dim| usize::try_from(dim).ok());
    let shape = dims.collect::<Option<Vec<_>>>()?;
    super::tensor::count(&shape).map(|_| shape)
}

/// Declared type and shape of an input, with its free dimensions filled in.
fn input(value: &graph::Value, options: &Options) -> Result<Input> {
    let fail = |reason: String| InferError::Input {
        name: value.name.clone(),
        reason,
    };
    let Some(dims) = &value.shape else {
        return Err(fail("its shape is not declared".to_owned()));
    };
    let mut shape = Vec::with_capacity(dims.len());
    for (axis, dim) in dims.iter().enumerate() {
        shape.push(match dim {
            Dim::Fixed(dim) => usize::try_from(*dim).map_err(|_| fail("it is too large".into()))?,
            Dim::Symbol(name) if options.dims.contains_key(name) => options.dims[name],
            Dim::Symbol(_) | Dim::Unknown if axis == 0 => options.batch,
            Dim::Symbol(name) => {
                return Err(fail(format!(
                    "its dimension {axis} is free: give a size for {name:?}"
                )));
            }
            Dim::Unknown => {
                return Err(fail(format!(
                    "its dimension {axis} is free and has no name"
                )));
            }
        });
    }
    if shape.contains(&0) {
        return Err(fail(format!("its shape {shape:?} has no elements")));
    }
    let is_int = match value.dtype {
        Some(dtype) if dtype.is_weight() => false,
        Some(dtype) if matches!(dtype.onnx(), 2..=7 | 9 | 12 | 13) => true,
        _ => {
            return Err(fail(
                "it has an element type that is not supported".to_owned(),
            ));
        }
    };
    Ok(Input {
        name: value.name.clone(),
        shape,
        is_int,
    })
}
