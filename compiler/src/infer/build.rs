//! From the file's graph to the float graph.

use super::cx::Cx;
use super::derived::{Derivation, Source};
use super::error::{InferError, Result};
use super::flow::{Budget, Flow, Input, Op, ValueId};
use super::ops;
use super::options::Options;
use super::tensor::Tensor;
use crate::error::CompileError;
use crate::graph::{self, DType, Data, Dim, Graph, Origin};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reduces every node to operators of the float graph; constants that a plan derives are followed.
pub(crate) fn build(
    graph: &Graph,
    options: &Options,
    derivation: Option<&Derivation<'_>>,
) -> Result<Flow> {
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
        },
        sampled: Vec::new(),
    };
    let file = File { graph, derivation };
    // Values that belong to no node are named after one that has no operator.
    let nowhere = flow.nodes.len();
    flow.nodes.push(crate::error::NodeRef {
        name: graph.name.clone(),
        op: "graph".to_owned(),
        opset: graph.opsets.get("").copied().unwrap_or(0),
    });
    let mut made: BTreeMap<graph::ValueId, ValueId> = BTreeMap::new();
    for &id in &graph.inputs {
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
        let outputs = cx.check(operator).and_then(|()| (operator.build)(&mut cx));
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
            // A `Constant` node may hold a tensor that the plan fills.
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

/// The file, and what is known about its constants.
struct File<'a> {
    graph: &'a Graph,
    derivation: Option<&'a Derivation<'a>>,
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
        let Origin::Initializer(tensor) = &source.origin else {
            return Err(InferError::Tensor {
                name: source.name.clone(),
                reason: "nothing in the main graph defines it".to_owned(),
            });
        };
        let tensor = read(tensor).map_err(|reason| InferError::Tensor {
            name: source.name.clone(),
            reason,
        })?;
        let value = flow.emit_constant(nowhere, tensor);
        let value = value.map_err(|fault| fault.at(&flow.nodes[nowhere]))?;
        self.mark(id, value, flow)?;
        made.insert(id, value);
        Ok(value)
    }

    /// Says where a constant of the file comes from, if a plan derives it.
    fn mark(&self, id: graph::ValueId, value: ValueId, flow: &mut Flow) -> Result<()> {
        let (Some(derivation), Some(tensor)) = (self.derivation, flow.constant(value)) else {
            return Ok(());
        };
        let source = derivation.source(&self.graph.values[id].name, tensor)?;
        if let Some(Source::Exact(sampled, _)) = &source {
            flow.sampled.push(Arc::clone(sampled));
        }
        flow.values[value].source = source;
        Ok(())
    }
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
                    "its dimension {axis} is free: give a size for `{name}`"
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

/// Values of a constant of the file, as floats or integers.
pub(super) fn read(tensor: &graph::Tensor) -> std::result::Result<Tensor, String> {
    let bytes = match &tensor.data {
        Data::Bytes(bytes) => bytes,
        Data::External => {
            return Err("its values are in another file, which was not given".to_owned());
        }
        Data::Absent => return Err("it has a shape and no values".to_owned()),
    };
    let dims = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok());
    let shape = dims.collect::<Option<Vec<_>>>().ok_or("it is too large")?;
    let dtype = tensor.dtype;
    let made = if dtype.is_weight() {
        let values: Vec<f32> = match dtype {
            DType::F32 => each(bytes, f32::from_le_bytes).collect(),
            DType::F64 => each(bytes, f64::from_le_bytes).map(|v| v as f32).collect(),
            DType::F16 => each(bytes, |b| half::f16::from_le_bytes(b).to_f32()).collect(),
            _ => each(bytes, |b| half::bf16::from_le_bytes(b).to_f32()).collect(),
        };
        if values.iter().any(|v| v.is_nan()) {
            return Err("one of its values is not a number".to_owned());
        }
        Tensor::float(&shape, values)
    } else {
        let values: Vec<i64> = match dtype.onnx() {
            2 | 9 => bytes.iter().map(|&v| i64::from(v)).collect(),
            3 => each(bytes, i8::from_le_bytes).map(i64::from).collect(),
            4 => each(bytes, u16::from_le_bytes).map(i64::from).collect(),
            5 => each(bytes, i16::from_le_bytes).map(i64::from).collect(),
            6 => each(bytes, i32::from_le_bytes).map(i64::from).collect(),
            7 => each(bytes, i64::from_le_bytes).collect(),
            12 => each(bytes, u32::from_le_bytes).map(i64::from).collect(),
            13 => {
                let values = each(bytes, u64::from_le_bytes).map(|v| i64::try_from(v).ok());
                let values = values.collect::<Option<_>>();
                values.ok_or("one of its values is larger than 2^63")?
            }
            _ => {
                return Err(format!("element type {} is not supported", dtype.name()));
            }
        };
        Tensor::int(&shape, values)
    };
    made.ok_or_else(|| "its values do not fit its shape".to_owned())
}

fn each<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(move |chunk| read(*chunk))
}
