//! Shape and range of one node's result, from its operands.

use crate::error::Fault;
use crate::graph::{Node, TensorId, TensorInfo};
use crate::op::{Op, TableId};
use crate::range::Range;
use crate::shape::{self, broadcasts, equal};
use crate::table::Table;
use crate::{ops, views};

/// What precedes a node.
pub(crate) struct Context<'a> {
    pub bits: u8,
    pub weight_bits: u8,
    /// Tensors made before the node, checked.
    pub tensors: &'a [TensorInfo],
    pub nodes: &'a [Node],
    pub tables: &'a [Table],
}

/// What follows for a node's result.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Inferred {
    pub shape: Vec<u32>,
    pub range: Range,
    /// Of a contraction; saturated.
    pub products: u64,
}

impl Inferred {
    pub fn new(shape: Vec<u32>, range: Range) -> Self {
        Self {
            shape,
            range,
            products: 0,
        }
    }
}

impl<'a> Context<'a> {
    pub fn tensor(&self, id: TensorId) -> Result<&'a TensorInfo, Fault> {
        self.tensors
            .get(id.index())
            .ok_or(Fault::Unordered { operand: id })
    }

    /// A tensor that is not a contraction.
    pub fn stored(&self, id: TensorId) -> Result<&'a TensorInfo, Fault> {
        let node = self.nodes.get(id.index());
        if node.is_some_and(|node| node.op.is_contraction()) {
            return Err(Fault::Contraction { operand: id });
        }
        self.tensor(id)
    }

    /// An operand of a contraction.
    pub fn matrix(&self, id: TensorId) -> Result<&'a TensorInfo, Fault> {
        let info = self.narrow(id)?;
        let op = self.nodes.get(id.index()).map(|node| &node.op);
        let expected = Range::twos(self.weight_bits.into());
        if matches!(op, Some(Op::Param)) && !expected.covers(&info.range) {
            return Err(Fault::OperandRange {
                what: "matrix of parameters",
                expected,
                got: info.range,
            });
        }
        Ok(info)
    }

    pub fn narrow(&self, id: TensorId) -> Result<&'a TensorInfo, Fault> {
        let info = self.stored(id)?;
        if info.range.is_narrow(self.bits) {
            Ok(info)
        } else {
            Err(Fault::NotNarrow {
                operand: id,
                got: info.range,
            })
        }
    }

    /// Whether the values do not depend on inputs.
    pub fn is_fixed(&self, id: TensorId) -> bool {
        let op = self.nodes.get(id.index()).map(|node| &node.op);
        matches!(op, Some(Op::Param | Op::Constant { .. }))
    }

    pub fn fixed(&self, id: TensorId) -> Result<(), Fault> {
        if self.is_fixed(id) {
            Ok(())
        } else {
            Err(Fault::NotParam { operand: id })
        }
    }

    pub fn table(&self, id: TableId) -> Result<&'a Table, Fault> {
        self.tables.get(id.0 as usize).ok_or(Fault::NoTable {
            got: id.0,
            count: self.tables.len(),
        })
    }

    /// `id` must be broadcast to `shape`.
    pub fn broadcast(&self, id: TensorId, shape: &[u32]) -> Result<(), Fault> {
        let info = self.tensor(id)?;
        if broadcasts(&info.shape, shape) {
            Ok(())
        } else {
            Err(Fault::Broadcast {
                operand: id,
                expected: shape.to_vec(),
                got: info.shape.clone(),
            })
        }
    }

    /// `range`, if a tensor of it can be an operand everywhere.
    pub fn result(&self, range: Range) -> Result<Range, Fault> {
        if range.is_narrow(self.bits) {
            Ok(range)
        } else {
            Err(Fault::ResultNotNarrow { got: range })
        }
    }
}

/// Shape and range of `op`'s result. `declared` is used for leaves only.
pub(crate) fn infer(cx: &Context<'_>, op: &Op, declared: &TensorInfo) -> Result<Inferred, Fault> {
    // First, so that every later fault is about operands that exist.
    for operand in op.operands() {
        cx.tensor(operand)?;
    }
    let inferred = match op {
        Op::Input => input(cx, declared)?,
        Op::Param => param(cx, declared)?,
        Op::Constant { values } => constant(cx, declared, values)?,
        Op::MatMul(op) => ops::matmul::infer(cx, op)?,
        Op::Conv(op) => ops::conv::infer(cx, op)?,
        Op::Map(op) => ops::map::infer(cx, op)?,
        Op::FoldMax { x } => ops::fold::infer_max(cx, *x)?,
        Op::FoldSum { x } => ops::fold::infer_sum(cx, *x)?,
        Op::Divide(op) => ops::divide::infer(cx, op)?,
        Op::View(view) => views::infer(cx, view)?,
        Op::Embed(op) => ops::embed::infer(cx, op)?,
    };
    shape::elements(&inferred.shape)?;
    Ok(inferred)
}

fn input(cx: &Context<'_>, declared: &TensorInfo) -> Result<Inferred, Fault> {
    let range = declared.range;
    if range.lo > range.hi || !Range::twos(2 * u32::from(cx.bits)).covers(&range) {
        return Err(Fault::Declared {
            expected: "inputs have 2 table_bits",
            got: range,
        });
    }
    Ok(Inferred::new(declared.shape.clone(), range))
}

fn param(cx: &Context<'_>, declared: &TensorInfo) -> Result<Inferred, Fault> {
    let range = declared.range;
    if range.lo > range.hi || !Range::twos(2 * u32::from(cx.bits)).covers(&range) {
        return Err(Fault::Declared {
            expected: "parameters have 2 table_bits",
            got: range,
        });
    }
    Ok(Inferred::new(declared.shape.clone(), range))
}

fn constant(cx: &Context<'_>, declared: &TensorInfo, values: &[i32]) -> Result<Inferred, Fault> {
    let elements = shape::elements(&declared.shape)?;
    equal("values", elements, values.len() as u64)?;
    let range = Range::of(values.iter().map(|&v| v.into())).unwrap_or(Range::new(0, 0));
    Ok(Inferred::new(declared.shape.clone(), cx.result(range)?))
}
