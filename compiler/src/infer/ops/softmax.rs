//! [Softmax](https://onnx.ai/onnx/operators/onnx__Softmax.html): `exp(x) / sum exp(x)` over an axis.
//!
//! Before opset 13 over all axes from `axis` on (1 by default), since then over `axis` (-1).

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Softmax",
    since: &[11, 13],
    inputs: (1, 1),
    attrs: &["axis"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    Ok(vec![softmax(cx)?])
}

/// The softmax of the first input.
pub(super) fn softmax(cx: &mut Cx<'_>) -> OpResult<ValueId> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    if cx.opset() < 13 {
        let axis = cx.axis(cx.int("axis")?.unwrap_or(1), shape.len())?;
        let width = shape[axis..].iter().product();
        let rows = cx.reshape(x, &[&shape[..axis], &[width]].concat())?;
        let out = cx.emit(Op::Softmax, &[rows])?;
        return cx.reshape(out, &shape);
    }
    let axis = cx.axis(cx.int("axis")?.unwrap_or(-1), shape.len())?;
    let mut perm: Vec<usize> = (0..shape.len()).collect();
    perm.swap(axis, shape.len() - 1);
    let rows = cx.transpose(x, &perm)?;
    let out = cx.emit(Op::Softmax, &[rows])?;
    cx.transpose(out, &perm)
}
