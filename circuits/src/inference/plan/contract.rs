//! Products of matrices.

use nascent_ir::{MatMul, Node, Op, TensorId};

use super::elementwise::Cells;
use super::layout::{ContractionPlan, Section, WeightPlan};
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
        let right = self.right(node, op, inner, columns, batches)?;
        let mut parts = Vec::new();
        for batch in 0..batches {
            let id = self.next_id();
            let part = left.part(batch * rows, rows);
            let section = self.operand(node, part)?;
            let left = claim(section, part, (Axis::Inner, Axis::Position), id + 1);
            let right = match right {
                Right::Weights(matrix, axes) => {
                    let part = matrix.part(batch * matrix.rows / batches, matrix.rows / batches);
                    claim(Section::Weights, part, axes, id)
                }
                Right::Units(matrix, axes) => {
                    let part = matrix.part(batch * matrix.rows / batches, matrix.rows / batches);
                    claim(self.operand(node, part)?, part, axes, id)
                }
            };
            let result = Matrix {
                first: 0,
                rows,
                columns,
                lanes: self.lanes.units,
            };
            let axes = (Axis::Column, Axis::Position);
            parts.push((self.layout.contractions.len(), batch * rows, rows));
            self.push_contraction(ContractionPlan {
                left,
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
            rows: total,
            columns,
            parts,
        });
        Ok(())
    }

    /// A tensor in the outputs of units with its last axis along the columns.
    fn plain(&mut self, node: &Node, id: TensorId) -> Result<Matrix, PlanError> {
        let cells = Cells::plain(&self.graph.tensor(id).shape);
        let stored = self.tensors[id.index()].stored.iter().find(|stored| {
            stored.arrangement == Arrangement::Plain
                && stored.matrix.rows == cells.rows
                && stored.matrix.columns == cells.columns
        });
        match stored {
            Some(stored) => Ok(stored.matrix),
            None => self.copy(node, id, &cells),
        }
    }

    fn right(
        &mut self,
        node: &Node,
        op: &MatMul,
        inner: usize,
        columns: usize,
        batches: usize,
    ) -> Result<Right, PlanError> {
        let by_inner = (Axis::Column, Axis::Inner);
        let by_column = (Axis::Inner, Axis::Column);
        if !matches!(self.graph.node(op.b).op, Op::Param) {
            let matrix = self.plain(node, op.b)?;
            let axes = if op.transpose_b { by_column } else { by_inner };
            return Ok(Right::Units(matrix, axes));
        }
        // A parameter may stand either way: the one that fills its rows better.
        let lanes = self.lanes.weights;
        let rows_by_inner = inner * columns.div_ceil(lanes);
        let rows_by_column = columns * inner.div_ceil(lanes);
        let wide = rows_by_inner <= rows_by_column;
        let index = |batch: usize, k: usize, n: usize| {
            let within = if op.transpose_b {
                n * inner + k
            } else {
                k * columns + n
            };
            (batch * inner * columns + within) as u32
        };
        let mut elements = Vec::with_capacity(batches * inner * columns);
        for batch in 0..batches {
            if wide {
                let all = (0..inner).flat_map(|k| (0..columns).map(move |n| (k, n)));
                elements.extend(all.map(|(k, n)| index(batch, k, n)));
            } else {
                let all = (0..columns).flat_map(|n| (0..inner).map(move |k| (k, n)));
                elements.extend(all.map(|(k, n)| index(batch, k, n)));
            }
        }
        let (rows, columns) = if wide {
            (inner, columns)
        } else {
            (columns, inner)
        };
        let matrix = self.place_weights(node, op.b, batches * rows, columns, elements)?;
        Ok(Right::Weights(
            matrix,
            if wide { by_inner } else { by_column },
        ))
    }

    /// Places a matrix parameter.
    pub(super) fn place_weights(
        &mut self,
        node: &Node,
        tensor: TensorId,
        rows: usize,
        columns: usize,
        elements: Vec<u32>,
    ) -> Result<Matrix, PlanError> {
        let bits = self.layout.weight_bits;
        let range = self.graph.tensor(tensor).range;
        let half = 1i64 << (bits - 1);
        if range.lo < -half || range.hi >= half {
            let node = self.graph.node(tensor).name.clone();
            return Err(PlanError::Range { node, range, bits });
        }
        if !self.tensors[tensor.index()].wires.is_empty()
            || self.layout.weights.iter().any(|w| w.tensor == tensor)
        {
            return Err(unsupported(node, USED_TWICE));
        }
        let matrix = Matrix {
            first: self.layout.weight_rows,
            rows,
            columns,
            lanes: self.lanes.weights,
        };
        self.layout.weight_rows = matrix.circuit_rows().end;
        self.layout.weights.push(WeightPlan {
            tensor,
            matrix,
            elements,
        });
        Ok(matrix)
    }
}

/// Where the right operand stands, and the challenges of its columns and rows.
enum Right {
    Weights(Matrix, (Axis, Axis)),
    Units(Matrix, (Axis, Axis)),
}
