//! Products of matrices.

use nascent_ir::{MatMul, Node, Op, TensorId};

use super::elementwise::Cells;
use super::layout::{ClaimPlan, ContractionPlan, Left, Section, WeightPlan};
use super::rows::Matrix;
use super::{Arrangement, Pending, PlanError, Planner, USED_TWICE, claim, unsupported};
use crate::inference::claim::Axis;

impl Planner<'_> {
    pub(super) fn matmul(&mut self, node: &Node, op: &MatMul) -> Result<(), PlanError> {
        let a = self.graph.tensor(op.a).shape.clone();
        let b = self.graph.tensor(op.b).shape.clone();
        let out = self.graph.tensor(node.output).shape.clone();
        let [inner, columns] = [a.last(), out.last()].map(|dim| dim.map_or(1, |&d| d as usize));
        let total: usize = out.iter().map(|&d| d as usize).product::<usize>() / columns;
        let batches: usize = match b.len() {
            0..=2 => 1,
            n => b[..n - 2].iter().map(|&d| d as usize).product(),
        };
        let rows = total / batches;
        let left = self.plain(node, op.a)?;
        let operand = RightOperand {
            tensor: op.b,
            transposed: op.transpose_b,
            inner,
            columns,
            batches,
        };
        let right = self.right(node, &operand)?;
        self.spend_contractions(node, batches, 1)?;
        let mut parts = Vec::new();
        for batch in 0..batches {
            let id = self.next_id();
            let part = left.part(batch * rows, rows);
            let section = self.operand(node, part)?;
            let left = claim(section, part, (Axis::Inner, Axis::Position), id + 1);
            let right = self.claim_right(node, &right, (batch, batches), id)?;
            let result = Matrix {
                first: 0,
                rows,
                columns,
                lanes: self.lanes.units,
            };
            let axes = (Axis::Column, Axis::Position);
            parts.push((self.layout.contractions.len(), batch * rows, rows));
            self.push_contraction(ContractionPlan {
                left: Left::Matrix(left),
                right,
                result: claim(Section::Results, result, axes, id + 2),
                first: self.layout.vector_rows,
                channels: inner,
                offsets: vec![0],
                shift: 0,
            });
        }
        self.tensors[node.output.index()].pending = Some(Pending {
            arrangement: Arrangement::Plain,
            columns,
            parts,
        });
        Ok(())
    }

    /// A tensor in the outputs of units with its last axis along the columns.
    fn plain(&mut self, node: &Node, id: TensorId) -> Result<Matrix, PlanError> {
        let shape = &self.graph.tensor(id).shape;
        let columns = shape.last().map_or(1, |&dim| dim as usize);
        let rows = self.graph.tensor(id).elements() / columns.max(1);
        let stored = self.tensors[id.index()].stored.iter().find(|stored| {
            stored.arrangement == Arrangement::Plain
                && (stored.matrix.rows, stored.matrix.columns) == (rows, columns)
        });
        if let Some(stored) = stored {
            return Ok(stored.matrix);
        }
        self.spend_units(node, rows as u128, columns as u128)?;
        let cells = Cells::plain(&self.graph.tensor(id).shape);
        self.copy(node, id, &cells)
    }

    /// Where the right operand stands; a parameter is placed at its first use.
    pub(super) fn right(
        &mut self,
        node: &Node,
        operand: &RightOperand,
    ) -> Result<Right, PlanError> {
        let RightOperand {
            tensor,
            transposed,
            inner,
            columns,
            batches,
        } = *operand;
        let by_inner = (Axis::Column, Axis::Inner);
        let by_column = (Axis::Inner, Axis::Column);
        if !matches!(self.graph.node(tensor).op, Op::Param) {
            let matrix = self.plain(node, tensor)?;
            let axes = if transposed { by_column } else { by_inner };
            return Ok(Right::Units(matrix, axes));
        }
        // A parameter may stand either way: the one that fills its rows better, or as it stands
        // already.
        let element = |batch: usize, k: usize, n: usize| {
            let within = if transposed {
                n * inner + k
            } else {
                k * columns + n
            };
            (batch * inner * columns + within) as u32
        };
        let at_inner = |row: usize, n: usize| element(row / inner, row % inner, n);
        let at_column = |row: usize, k: usize| element(row / columns, k, row % columns);
        if let Some(matrix) = self.placed(tensor, batches * inner, columns, &at_inner) {
            return Ok(Right::Weights(matrix, by_inner));
        }
        if let Some(matrix) = self.placed(tensor, batches * columns, inner, &at_column) {
            return Ok(Right::Weights(matrix, by_column));
        }
        let lanes = self.lanes.weights;
        let matrix = if inner * columns.div_ceil(lanes) <= columns * inner.div_ceil(lanes) {
            let matrix = self.place_weights(node, tensor, batches * inner, columns, &at_inner)?;
            Right::Weights(matrix, by_inner)
        } else {
            let matrix = self.place_weights(node, tensor, batches * columns, inner, &at_column)?;
            Right::Weights(matrix, by_column)
        };
        Ok(matrix)
    }

    /// Claims one of the matrices that a right operand is made of.
    pub(super) fn claim_right(
        &mut self,
        node: &Node,
        right: &Right,
        (batch, batches): (usize, usize),
        id: usize,
    ) -> Result<ClaimPlan, PlanError> {
        let (Right::Weights(matrix, axes) | Right::Units(matrix, axes)) = *right;
        let part = matrix.part(batch * matrix.rows / batches, matrix.rows / batches);
        let section = match right {
            Right::Weights(..) => self.weights(node, part)?,
            Right::Units(..) => self.operand(node, part)?,
        };
        Ok(claim(section, part, axes, id))
    }

    /// A parameter that stands in this arrangement already.
    pub(super) fn placed(
        &self,
        tensor: TensorId,
        rows: usize,
        columns: usize,
        element: &dyn Fn(usize, usize) -> u32,
    ) -> Option<Matrix> {
        let weights = &mut self.layout.weights.iter();
        let plan = weights.find(|plan| plan.tensor == tensor)?;
        let all = (0..rows).flat_map(|i| (0..columns).map(move |j| element(i, j)));
        let same = (plan.matrix.rows, plan.matrix.columns) == (rows, columns)
            && plan.elements.iter().copied().eq(all);
        same.then_some(plan.matrix)
    }

    /// Places a matrix parameter: `element(i, j)` stands in row `i`, column `j`.
    pub(super) fn place_weights(
        &mut self,
        node: &Node,
        tensor: TensorId,
        rows: usize,
        columns: usize,
        element: &dyn Fn(usize, usize) -> u32,
    ) -> Result<Matrix, PlanError> {
        let range = self.graph.tensor(tensor).range;
        let mut ranges = self.layout.matrix_ranges.iter();
        let place = ranges.position(|of| *of == range);
        let range = place.ok_or_else(|| PlanError::MatrixRange {
            node: self.graph.node(tensor).name.clone(),
            range,
        })?;
        if !self.tensors[tensor.index()].wires.is_empty()
            || self.layout.weights.iter().any(|w| w.tensor == tensor)
        {
            return Err(unsupported(node, USED_TWICE));
        }
        self.spend_weights(node, rows, columns)?;
        let matrix = Matrix {
            first: self.layout.weight_rows,
            rows,
            columns,
            lanes: self.lanes.weights,
        };
        self.layout.weight_rows = matrix.circuit_rows().end;
        let all = (0..rows).flat_map(|i| (0..columns).map(move |j| element(i, j)));
        // No more than was reckoned with: the iterator does not know its length.
        let mut elements = Vec::with_capacity(rows * columns);
        elements.extend(all);
        self.layout.weights.push(WeightPlan {
            tensor,
            range,
            matrix,
            elements,
        });
        Ok(matrix)
    }
}

/// The right operand of a product of matrices.
pub(super) struct RightOperand {
    pub(super) tensor: TensorId,
    /// Whether a row of the tensor has a column of the result.
    pub(super) transposed: bool,
    pub(super) inner: usize,
    pub(super) columns: usize,
    /// Matrices in the tensor.
    pub(super) batches: usize,
}

/// Where the right operand stands, and the challenges of its columns and rows.
pub(super) enum Right {
    Weights(Matrix, (Axis, Axis)),
    Units(Matrix, (Axis, Axis)),
}
