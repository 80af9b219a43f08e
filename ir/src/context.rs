//! What precedes a node, and what follows for its result.

use crate::error::Fault;
use crate::graph::{Node, TensorInfo};
use crate::id::{TableId, TensorId};
use crate::op::Op;
use crate::range::Range;
use crate::shape::broadcasts;
use crate::table::Table;

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
