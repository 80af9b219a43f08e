//! What an operator sees of its node, and how it makes values.

use super::error::{Fault, OpResult};
use super::flow::{Flow, Op, Unary, ValueId};
use super::tensor::{Tensor, Values};
use crate::graph::{Attr, Node};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an operator sees of its node, and where it puts what it makes.
pub(crate) struct Cx<'a> {
    pub(crate) flow: &'a mut Flow,
    pub(super) node: &'a Node,
    pub(super) at: usize,
    pub(super) inputs: Vec<Option<ValueId>>,
    pub(super) opset: i64,
}

impl Cx<'_> {
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

    /// Checks that an input is a constant, which may be a weight.
    pub(crate) fn stored(&self, slot: usize, what: &str) -> OpResult<ValueId> {
        let id = self.x(slot)?;
        if !self.flow.is_constant(id) {
            return Fault::form(format!(
                "its {what} must be a constant with values in the file"
            ));
        }
        Ok(id)
    }

    /// An input that must be a constant, and whose values decide the structure: no weight.
    pub(crate) fn constant(&self, slot: usize, what: &str) -> OpResult<Arc<Tensor>> {
        let id = self.stored(slot, what)?;
        self.constant_of(id)
    }

    /// The tensor of a value that is a constant, and whose values decide the structure: no weight.
    pub(crate) fn constant_of(&self, id: ValueId) -> OpResult<Arc<Tensor>> {
        match self.flow.constant(id) {
            Some(tensor) => Ok(Arc::clone(tensor)),
            None if self.flow.is_weight(id) => Err(Fault::Withheld(self.flow.stored(id))),
            None => Fault::form("a constant is expected"),
        }
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
            Values::Float(_) | Values::Withheld => {
                Fault::form(format!("its {what} must be integers"))
            }
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
            Some(Attr::Tensor(tensor)) => match Tensor::read(tensor) {
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
        // Whatever it was read off is no weight: their values are not given out.
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
