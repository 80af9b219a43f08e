//! How much memory an evaluation takes, before it is taken.
//!
//! A graph of fifty bytes can have tensors of a gigabyte, and whoever runs a stranger's graph has not
//! looked at it.

use crate::graph::{CheckedGraph, Node};
use crate::op::Op;
use crate::ops::conv::POSITIONS;
use crate::values::is_small;

/// Bytes of an element beside the tensor that is kept, while a node that is no contraction is
/// computed: threads join their parts.
const ELEMENT: u64 = 16;
/// The same of a contraction: sums of 64 bits, in blocks of which the smallest holds one.
const SUM: u64 = 80;
/// Bytes of an operand's element, copied for products.
const OPERAND: u64 = 8;
/// Bytes of an input value under a tap of a kernel; lists grow by doubling.
const TAP: u64 = 12;

impl CheckedGraph {
    /// Bytes that [`crate::eval()`] takes at most, beside parameters and inputs, on this many threads.
    pub fn eval_bytes(&self, threads: usize) -> u64 {
        let (mut kept, mut most) = (0_u64, 0_u64);
        for (node, info) in self.nodes.iter().zip(&self.tensors) {
            if matches!(node.op, Op::Param | Op::Constant { .. }) {
                continue;
            }
            let width = if is_small(info.range) { 4 } else { 8 };
            kept = kept.saturating_add(width * info.elements() as u64);
            most = most.max(self.passing_bytes(node, threads));
        }
        kept.saturating_add(most)
    }

    /// Bytes that are given back when a node is done.
    fn passing_bytes(&self, node: &Node, threads: usize) -> u64 {
        let elements = |id| self.tensor(id).elements() as u64;
        let out = elements(node.output);
        let (operands, taps) = match &node.op {
            Op::MatMul(op) => (elements(op.a).saturating_add(elements(op.b)), 0),
            Op::Conv(op) => {
                let outputs = u64::from(self.tensor(op.w).shape[0]);
                let operands = elements(op.x).saturating_add(elements(op.w));
                (operands, elements(op.w) / outputs)
            }
            _ => return ELEMENT.saturating_mul(out),
        };
        let under_taps = (TAP * POSITIONS as u64 * threads as u64).saturating_mul(taps);
        (SUM.saturating_mul(out))
            .saturating_add(OPERAND.saturating_mul(operands))
            .saturating_add(under_taps)
    }
}
