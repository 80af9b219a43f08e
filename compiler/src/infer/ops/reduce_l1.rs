//! [ReduceL1](https://onnx.ai/onnx/operators/onnx__ReduceL1.html): sum of magnitudes over axes, which are an input since opset 18.

use super::Operator;
use super::reduce::{axes, fold, keepdims};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Op, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ReduceL1",
    since: &[11, 13, 18],
    inputs: (1, 2),
    attrs: &["axes", "keepdims", "noop_with_empty_axes"],
    limits: "constant axes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, keep) = (cx.x(0)?, keepdims(cx)?);
    let axes = axes(cx, 18)?;
    let magnitudes = cx.unary(Unary::Abs, x)?;
    Ok(vec![fold(cx, magnitudes, &axes, keep, Op::ReduceSum)?])
}
