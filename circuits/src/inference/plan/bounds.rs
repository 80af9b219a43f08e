//! How large the values of a graph can be, whatever a prover commits to.
//!
//! The graph's own ranges take declarations at their word. A circuit enforces less: a public input is
//! any integer of 64 bits, a vector parameter any of `2T`. Results of units are entries of tables, so
//! only sums of sums grow; a tower of them over a value that is declared to be zero would leave the
//! field and come back as any multiple of it. So the bounds follow from what is enforced, through
//! every node, and a graph is refused where an equation could wrap.

use nascent_ir::{CheckedGraph, Op, TensorId, View};

use super::{Hidden, PlanError};
use crate::inference::shape::{MAX_EQUATION_BITS, PUBLIC_BITS, bits, equation_bits};

/// Refuses a graph with a value so large that an equation about it could wrap around the field.
pub(super) fn check(graph: &CheckedGraph, hidden: Hidden) -> Result<(), PlanError> {
    let table_bits = u32::from(graph.table_bits);
    for (node, bound) in graph.nodes.iter().zip(largest(graph, hidden)) {
        let bits = equation_bits(table_bits, bits(bound));
        if bits > MAX_EQUATION_BITS {
            let node = node.name.clone();
            return Err(PlanError::Wraps { node, bits });
        }
    }
    Ok(())
}

/// Largest magnitude of each tensor's elements, whatever a prover commits to.
pub fn largest(graph: &CheckedGraph, hidden: Hidden) -> Vec<u128> {
    let mut bounds: Vec<u128> = Vec::with_capacity(graph.nodes.len());
    for node in &graph.nodes {
        let bound = of(graph, hidden, &bounds, node.output);
        bounds.push(bound);
    }
    bounds
}

/// Largest magnitude of a tensor's elements; `bounds` has those of the tensors before it.
fn of(graph: &CheckedGraph, hidden: Hidden, bounds: &[u128], id: TensorId) -> u128 {
    let table_bits = u32::from(graph.table_bits);
    let (info, narrow) = (graph.tensor(id), 1u128 << (table_bits - 1));
    let operand = |id: &TensorId| bounds[id.index()];
    let row = |id: &TensorId| graph.tensor(*id).shape.last().map_or(1, |&n| u128::from(n));
    // Operands of a product stand in units or in columns of matrices, which both have T bits at most;
    // it has no more terms than an operand has elements.
    let product = |a: TensorId, b: TensorId| {
        let terms = graph.tensor(a).elements().min(graph.tensor(b).elements());
        narrow * narrow * terms as u128
    };
    match &graph.node(id).op {
        Op::Input if hidden.inputs => info.range.magnitude().into(),
        Op::Input => 1 << (PUBLIC_BITS - 1),
        // A vector; a matrix has fewer bits.
        Op::Param => 1 << (2 * table_bits - 1),
        Op::Constant { .. } => info.range.magnitude().into(),
        Op::MatMul(op) => product(op.a, op.b),
        Op::Conv(op) => product(op.x, op.w),
        Op::Map(_) | Op::Divide(_) | Op::Embed(_) => narrow,
        Op::FoldMax { x } => operand(x),
        Op::FoldSum { x } => operand(x).saturating_mul(row(x)),
        Op::View(view) => {
            let parts = view.operands();
            let constant = match view {
                View::Pad { value, .. } => value.unsigned_abs().into(),
                _ => 0,
            };
            parts.iter().map(operand).fold(constant, u128::max)
        }
    }
}
