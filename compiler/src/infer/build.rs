//! From the file's graph to the float graph.

use super::error::{Fault, InferError, OpResult, Result};
use super::flow::{Binary, Budget, Flow, Input, Op, Unary, ValueId};
use super::ops;
use super::options::Options;
use super::rewrite;
use super::tensor::{Tensor, Values};
use crate::error::CompileError;
use crate::graph::{self, Attr, DType, Data, Dim, Graph, Origin};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Reduces every node to operators of the float graph.
pub(crate) fn build(graph: &Graph, options: &Options) -> Result<Flow> {
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
                Some(id) => Some(value(graph, *id, nowhere, &mut made, &mut flow)?),
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
            made.insert(*id, value);
        }
    }
    for &id in &graph.outputs {
        let value = value(graph, id, nowhere, &mut made, &mut flow)?;
        flow.outputs.push((graph.values[id].name.clone(), value));
    }
    if flow.outputs.is_empty() {
        return Err(CompileError::Missing { what: "outputs" }.into());
    }
    Ok(flow.prune())
}

/// The value of the float graph for one of the file's; initializers are read at their first use.
fn value(
    graph: &Graph,
    id: graph::ValueId,
    nowhere: usize,
    made: &mut BTreeMap<graph::ValueId, ValueId>,
    flow: &mut Flow,
) -> Result<ValueId> {
    if let Some(&value) = made.get(&id) {
        return Ok(value);
    }
    let source = &graph.values[id];
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
    made.insert(id, value);
    Ok(value)
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
fn read(tensor: &graph::Tensor) -> std::result::Result<Tensor, String> {
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

/// What an operator sees of its node, and where it puts what it makes.
pub(crate) struct Cx<'a> {
    pub(crate) flow: &'a mut Flow,
    node: &'a graph::Node,
    at: usize,
    inputs: Vec<Option<ValueId>>,
    opset: i64,
}

impl Cx<'_> {
    /// Number of inputs and names of attributes.
    fn check(&self, operator: &ops::Operator) -> OpResult<()> {
        let (least, most) = operator.inputs;
        let found = self.inputs.len();
        if found < least || found > most {
            return Fault::form(format!("{found} inputs, expected {least} to {most}"));
        }
        for name in self.node.attrs.keys() {
            if !operator.attrs.contains(&name.as_str()) {
                return Fault::attribute(name, "it is unknown or not supported");
            }
        }
        Ok(())
    }

    /// Version of the operator set.
    pub(crate) fn opset(&self) -> i64 {
        self.opset
    }

    /// Number of inputs.
    pub(crate) fn arity(&self) -> usize {
        self.inputs.len()
    }

    /// Number of outputs that the node names.
    pub(crate) fn outputs(&self) -> usize {
        self.node.outputs.len()
    }

    /// An input that must be there.
    pub(crate) fn x(&self, slot: usize) -> OpResult<ValueId> {
        self.opt(slot)
            .map_or_else(|| Fault::form(format!("its input {slot} is missing")), Ok)
    }

    /// An input that may be left out.
    pub(crate) fn opt(&self, slot: usize) -> Option<ValueId> {
        self.inputs.get(slot).copied().flatten()
    }

    /// An input that must be a constant.
    pub(crate) fn constant(&self, slot: usize, what: &str) -> OpResult<Arc<Tensor>> {
        let id = self.x(slot)?;
        self.flow.constant(id).cloned().map_or_else(
            || {
                Fault::form(format!(
                    "its {what} must be a constant with values in the file"
                ))
            },
            Ok,
        )
    }

    /// The tensor of a value that is a constant.
    pub(crate) fn constant_of(&self, id: ValueId) -> OpResult<Arc<Tensor>> {
        let tensor = self.flow.constant(id).cloned();
        tensor.map_or_else(|| Fault::form("a constant is expected"), Ok)
    }

    /// Integers of a constant input, if it is there.
    pub(crate) fn const_ints(&self, slot: usize, what: &str) -> OpResult<Option<Vec<i64>>> {
        if self.opt(slot).is_none() {
            return Ok(None);
        }
        let tensor = self.constant(slot, what)?;
        match tensor.values() {
            Values::Int(ints) => Ok(Some(ints.clone())),
            // Shape arithmetic sometimes goes through floats.
            Values::Float(values) if values.iter().all(|v| v.fract() == 0.0) => {
                Ok(Some(values.iter().map(|&v| v as i64).collect()))
            }
            Values::Float(_) => Fault::form(format!("its {what} must be integers")),
        }
    }

    /// The number of a constant input, if it is there.
    pub(crate) fn const_float(&self, slot: usize, what: &str) -> OpResult<Option<f64>> {
        if self.opt(slot).is_none() {
            return Ok(None);
        }
        match self.constant(slot, what)?.single() {
            Some(value) => Ok(Some(value)),
            None => Fault::form(format!("its {what} must be one number")),
        }
    }

    /// Dimensions of a value.
    pub(crate) fn shape(&self, id: ValueId) -> Vec<usize> {
        self.flow.shape(id).to_vec()
    }

    /// An integer attribute.
    pub(crate) fn int(&self, name: &str) -> OpResult<Option<i64>> {
        match self.node.attrs.get(name) {
            None => Ok(None),
            Some(Attr::Int(value)) => Ok(Some(*value)),
            Some(_) => Fault::attribute(name, "an integer is expected"),
        }
    }

    /// An integer attribute that is a flag.
    pub(crate) fn flag(&self, name: &str, default: bool) -> OpResult<bool> {
        match self.int(name)? {
            None => Ok(default),
            Some(0) => Ok(false),
            Some(1) => Ok(true),
            Some(value) => Fault::attribute(name, format!("{value}, expected 0 or 1")),
        }
    }

    /// A float attribute, finite.
    pub(crate) fn float(&self, name: &str, default: f64) -> OpResult<f64> {
        match self.node.attrs.get(name) {
            None => Ok(default),
            Some(Attr::Float(value)) if value.is_finite() => Ok(f64::from(*value)),
            Some(_) => Fault::attribute(name, "a finite float is expected"),
        }
    }

    /// A list of integers.
    pub(crate) fn ints(&self, name: &str) -> OpResult<Option<Vec<i64>>> {
        match self.node.attrs.get(name) {
            None => Ok(None),
            Some(Attr::Ints(values)) => Ok(Some(values.clone())),
            Some(_) => Fault::attribute(name, "a list of integers is expected"),
        }
    }

    /// A text.
    pub(crate) fn text(&self, name: &str, default: &str) -> OpResult<String> {
        match self.node.attrs.get(name) {
            None => Ok(default.to_owned()),
            Some(Attr::String(bytes)) => match std::str::from_utf8(bytes) {
                Ok(text) => Ok(text.to_owned()),
                Err(_) => Fault::attribute(name, "it is not UTF-8"),
            },
            Some(_) => Fault::attribute(name, "a text is expected"),
        }
    }

    /// All attributes, for the one operator that is nothing else.
    pub(crate) fn attrs(&self) -> &BTreeMap<String, Attr> {
        &self.node.attrs
    }

    /// A tensor attribute as a constant.
    pub(crate) fn tensor(&self, name: &str) -> OpResult<Option<Tensor>> {
        match self.node.attrs.get(name) {
            None => Ok(None),
            Some(Attr::Tensor(tensor)) => match read(tensor) {
                Ok(tensor) => Ok(Some(tensor)),
                Err(reason) => Fault::attribute(name, reason),
            },
            Some(_) => Fault::attribute(name, "a tensor is expected"),
        }
    }

    /// Appends a value.
    pub(crate) fn emit(&mut self, op: Op, inputs: &[ValueId]) -> OpResult<ValueId> {
        self.flow.emit(self.at, op, inputs)
    }

    /// Appends a constant.
    pub(crate) fn make(&mut self, tensor: Tensor) -> OpResult<ValueId> {
        self.flow.emit_constant(self.at, tensor)
    }

    /// Appends a constant of no dimension.
    pub(crate) fn scalar(&mut self, value: f64) -> OpResult<ValueId> {
        self.make(Tensor::scalar(value))
    }

    /// Applies a function of one operand.
    pub(crate) fn unary(&mut self, f: Unary, x: ValueId) -> OpResult<ValueId> {
        self.emit(Op::Unary(f), &[x])
    }

    /// Applies a function of two operands, in a form that has a lowering.
    pub(crate) fn binary(&mut self, f: Binary, a: ValueId, b: ValueId) -> OpResult<ValueId> {
        rewrite::binary(self, f, a, b)
    }

    /// Multiplies by a number.
    pub(crate) fn scale(&mut self, x: ValueId, by: f64) -> OpResult<ValueId> {
        if by == 1.0 {
            return Ok(x);
        }
        let by = self.scalar(by)?;
        self.binary(Binary::Mul, x, by)
    }

    /// Changes the shape.
    pub(crate) fn reshape(&mut self, x: ValueId, shape: &[usize]) -> OpResult<ValueId> {
        if self.flow.shape(x) == shape {
            return Ok(x);
        }
        self.emit(Op::Reshape(shape.to_vec()), &[x])
    }

    /// Permutes the axes.
    pub(crate) fn transpose(&mut self, x: ValueId, perm: &[usize]) -> OpResult<ValueId> {
        if perm.iter().enumerate().all(|(at, &axis)| at == axis)
            && perm.len() == self.flow.shape(x).len()
        {
            return Ok(x);
        }
        self.emit(Op::Transpose(perm.to_vec()), &[x])
    }

    /// Swaps the last two axes.
    pub(crate) fn swap(&mut self, x: ValueId) -> OpResult<ValueId> {
        let rank = self.flow.shape(x).len();
        if rank < 2 {
            return Fault::shape("a matrix is expected");
        }
        let mut perm: Vec<usize> = (0..rank).collect();
        perm.swap(rank - 2, rank - 1);
        self.transpose(x, &perm)
    }

    /// A part of one axis.
    pub(crate) fn part(
        &mut self,
        x: ValueId,
        axis: usize,
        from: usize,
        size: usize,
    ) -> OpResult<ValueId> {
        let mut sizes = self.shape(x);
        let rank = sizes.len();
        if axis >= rank {
            return Fault::shape("no such axis");
        }
        if from == 0 && size == sizes[axis] {
            return Ok(x);
        }
        let mut starts = vec![0; rank];
        (starts[axis], sizes[axis]) = (from, size);
        let steps = vec![1; rank];
        self.emit(
            Op::Slice {
                starts,
                sizes,
                steps,
            },
            &[x],
        )
    }

    /// An axis from an attribute or input: `-rank <= axis < rank`.
    pub(crate) fn axis(&self, axis: i64, rank: usize) -> OpResult<usize> {
        let shifted = if axis < 0 {
            axis.saturating_add(rank as i64)
        } else {
            axis
        };
        match usize::try_from(shifted) {
            Ok(at) if at < rank => Ok(at),
            _ => Fault::attribute("axis", format!("{axis} of a tensor with {rank} axes")),
        }
    }

    /// Several axes, sorted, each once.
    pub(crate) fn axes(&self, axes: &[i64], rank: usize) -> OpResult<Vec<usize>> {
        let axes = axes.iter().map(|&axis| self.axis(axis, rank));
        let mut axes = axes.collect::<OpResult<Vec<_>>>()?;
        axes.sort_unstable();
        if axes.windows(2).any(|pair| pair[0] == pair[1]) {
            return Fault::attribute("axes", "an axis is named twice");
        }
        Ok(axes)
    }
}
