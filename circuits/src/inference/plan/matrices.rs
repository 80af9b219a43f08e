//! Ranges of matrix parameters: parameters that are the second operand of a product, or the table of an
//! embedding. Each is looked up in a table of its own range, so that what a graph declares of a matrix
//! is what a proof says of it: ternary weights are ternary.

use std::collections::BTreeSet;

use nascent_ir::{CheckedGraph, Op, Range};

use super::{PlanError, unsupported};

/// Most different ranges: each takes rows of the tables.
const MOST: usize = 16;

/// The different ranges in ascending order; `[0, 0]` if there is no matrix.
pub(super) fn ranges(graph: &CheckedGraph) -> Result<Vec<Range>, PlanError> {
    let mut found = BTreeSet::new();
    let mut copied = vec![false; graph.nodes.len()];
    for node in &graph.nodes {
        // What has elements of a parameter, as they are.
        copied[node.output.index()] = match &node.op {
            Op::Param => true,
            Op::View(view) => view.operands().iter().any(|id| copied[id.index()]),
            _ => false,
        };
        let (id, other) = match &node.op {
            Op::MatMul(op) => (op.b, op.a),
            Op::Conv(op) => (op.w, op.x),
            Op::Embed(op) => (op.table, op.ids),
            _ => continue,
        };
        // Any other would stand among the vectors, where nothing enforces the range of a matrix.
        let is_parameter = matches!(graph.node(id).op, Op::Param);
        if copied[other.index()] || copied[id.index()] && !is_parameter {
            let what = "a parameter can only be the second operand of a product, and as it is: \
                        exchange the two, rearrange it before";
            return Err(unsupported(node, what));
        }
        let (matrix, range) = (graph.node(id), graph.tensor(id).range);
        if !matches!(matrix.op, Op::Param) {
            continue;
        }
        if !range.contains(0) {
            // Lanes beside a matrix hold zero.
            let what = "the range of a matrix of parameters must contain zero";
            return Err(unsupported(matrix, what));
        }
        let bits = graph.table_bits.into();
        if !Range::twos(bits).covers(&range) {
            let node = matrix.name.clone();
            return Err(PlanError::Range { node, range, bits });
        }
        found.insert((range.lo, range.hi));
        if found.len() > MOST {
            let what = "more than 16 different ranges of matrices; declare some of them wider";
            return Err(unsupported(matrix, what));
        }
    }
    if found.is_empty() {
        found.insert((0, 0));
    }
    Ok(found
        .into_iter()
        .map(|(lo, hi)| Range::new(lo, hi))
        .collect())
}

/// Bits, sign included, of the widest.
pub(super) fn bits(ranges: &[Range]) -> u32 {
    let bits = ranges.iter().map(|range| {
        let above = range.hi.max(-(range.lo + 1)).max(0);
        1 + u64::BITS - above.unsigned_abs().leading_zeros()
    });
    bits.max().unwrap_or(1)
}
