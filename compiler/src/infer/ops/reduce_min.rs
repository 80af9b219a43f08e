//! [ReduceMin](https://onnx.ai/onnx/operators/onnx__ReduceMin.html): least element over axes, which are an input since opset 18; made as
//! `-max(-x)`.

use super::Operator;
use super::reduce::{axes, fold, keepdims};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Op, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ReduceMin",
    since: &[11, 12, 13, 18, 20],
    inputs: (1, 2),
    attrs: &["axes", "keepdims", "noop_with_empty_axes"],
    limits: "constant axes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, keep) = (cx.x(0)?, keepdims(cx)?);
    let axes = axes(cx, 18)?;
    let minus = cx.unary(Unary::Neg, x)?;
    let top = fold(cx, minus, &axes, keep, Op::ReduceMax)?;
    Ok(vec![cx.unary(Unary::Neg, top)?])
}
