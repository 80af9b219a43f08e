//! [MatMul](https://onnx.ai/onnx/operators/onnx__MatMul.html): product of matrices, with the rules of numpy for vectors and leading axes.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};
use crate::infer::rewrite::product;
use crate::infer::tensor::broadcast;

pub(super) const OP: Operator = Operator {
    name: "MatMul",
    since: &[9, 13],
    inputs: (2, 2),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    Ok(vec![multiply(cx, a, b)?])
}

/// The product of two operands of any rank but 0.
pub(super) fn multiply(cx: &mut Cx<'_>, a: ValueId, b: ValueId) -> OpResult<ValueId> {
    let (sa, sb) = (cx.shape(a), cx.shape(b));
    match (sa.as_slice(), sb.as_slice()) {
        ([], _) | (_, []) => Fault::shape("a scalar is no matrix"),
        ([k], _) => {
            let a = cx.reshape(a, &[1, *k])?;
            let made = multiply(cx, a, b)?;
            let mut shape = cx.shape(made);
            let at = shape
                .len()
                .saturating_sub(if sb.len() == 1 { 1 } else { 2 });
            shape.remove(at);
            cx.reshape(made, &shape)
        }
        (_, [k]) => {
            let b = cx.reshape(b, &[*k, 1])?;
            let made = multiply(cx, a, b)?;
            let mut shape = cx.shape(made);
            shape.pop();
            cx.reshape(made, &shape)
        }
        _ if cx.flow.is_constant(a) && !cx.flow.is_constant(b) => {
            // Weights go to the right: (a b)' = b' a'.
            let (at, bt) = (cx.swap(a)?, cx.swap(b)?);
            let made = matrices(cx, bt, at)?;
            cx.swap(made)
        }
        _ => matrices(cx, a, b),
    }
}

/// The product of operands with two axes or more.
fn matrices(cx: &mut Cx<'_>, a: ValueId, b: ValueId) -> OpResult<ValueId> {
    let (sa, sb) = (cx.shape(a), cx.shape(b));
    let ([la @ .., m, k], [lb @ .., l, n]) = (sa.as_slice(), sb.as_slice()) else {
        return Fault::shape("matrices are expected");
    };
    if k != l {
        return Fault::shape(format!("{sa:?} times {sb:?}"));
    }
    // A stack of one matrix is that matrix.
    if lb.iter().all(|&dim| dim == 1) && la.len() >= lb.len() {
        let b = cx.reshape(b, &[*l, *n])?;
        return product(cx, a, b);
    }
    let lead = broadcast(la, lb)?;
    let widen = |cx: &mut Cx<'_>, x: ValueId, rows: usize, columns: usize| {
        let shape = [lead.as_slice(), &[rows, columns]].concat();
        if cx.shape(x) == shape {
            return Ok(x);
        }
        cx.emit(Op::Expand(shape), &[x])
    };
    let a = widen(cx, a, *m, *k)?;
    let b = widen(cx, b, *l, *n)?;
    cx.emit(Op::MatMul, &[a, b])
}
