//! Embeddings: products with a matrix that is never written down, see [`super::super::selection`].

use nascent_ir::{Embed, Node, Op, Pre};

use super::contract::RightOperand;
use super::elementwise::Cells;
use super::layout::{ContractionPlan, Left, Section, Selection};
use super::rows::{Address, Matrix};
use super::{Arrangement, Pending, PlanError, Planner, claim};
use crate::inference::claim::Axis;

impl Planner<'_> {
    pub(super) fn embed(&mut self, node: &Node, op: &Embed) -> Result<(), PlanError> {
        let shape = self.graph.tensor(node.output).shape.clone();
        let [rows, width] = match *self.graph.tensor(op.table).shape.as_slice() {
            [rows, width] => [rows, width].map(|dim| dim as usize),
            _ => [1, 1],
        };
        self.spend_boundary(node, self.graph.tensor(op.ids).elements())?;
        self.spend_contractions(node, 1, 1)?;
        let wires = self.wires(node, op.ids)?;
        let read = wires.into_iter().map(|wire| self.read(node, wire));
        let indices = read.collect::<Result<Vec<Address>, _>>()?;
        let operand = RightOperand {
            tensor: op.table,
            transposed: false,
            inner: rows,
            columns: width,
            batches: 1,
        };
        let right = self.right(node, &operand)?;
        let id = self.next_id();
        let right = self.claim_right(node, &right, (0, 1), id)?;
        let result = Matrix {
            first: 0,
            rows: indices.len(),
            columns: width,
            lanes: self.lanes.units,
        };
        let pending = Pending {
            arrangement: Arrangement::Plain,
            columns: width,
            parts: vec![(self.layout.contractions.len(), 0, indices.len())],
        };
        let selection = Selection {
            first: self.layout.index_rows,
            indices,
            id: id + 1,
        };
        self.layout.index_rows = selection.rows().end;
        let axes = (Axis::Column, Axis::Position);
        self.push_contraction(ContractionPlan {
            left: Left::Selection(selection),
            right,
            result: claim(Section::Results, result, axes, id + 2),
            first: self.layout.vector_rows,
            channels: rows,
            offsets: vec![0],
            shift: 0,
        });
        if self.only_mapped(node) {
            self.tensors[node.output.index()].pending = Some(pending);
            return Ok(());
        }
        self.spend_units(node, result.rows as u128, width as u128)?;
        let (cells, copy) = (Cells::plain(&shape), self.copy_op());
        let laid = self.lay_units(node, &cells, &|_| copy, None, &|_| (None, None))?;
        self.settle(&pending, laid.0);
        self.set(node.output, &cells, laid);
        Ok(())
    }

    /// Whether a tensor is only the first operand of one map, whose units can take it where it is
    /// chosen.
    fn only_mapped(&self, node: &Node) -> bool {
        let id = node.output;
        let Some(user) = self.users.only(self.graph, id) else {
            return false;
        };
        let Op::Map(map) = &user.op else { return false };
        matches!(map.pre, Pre::Linear { a, .. } if a == id) && !self.graph.outputs.contains(&id)
    }
}
