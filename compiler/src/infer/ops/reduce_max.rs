//! [ReduceMax](https://onnx.ai/onnx/operators/onnx__ReduceMax.html): greatest element over axes, which are an input since opset 18.

use super::Operator;
use super::reduce::{axes, fold, keepdims};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ReduceMax",
    since: &[11, 12, 13, 18, 20],
    inputs: (1, 2),
    attrs: &["axes", "keepdims", "noop_with_empty_axes"],
    limits: "constant axes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, keep) = (cx.x(0)?, keepdims(cx)?);
    let axes = axes(cx, 18)?;
    Ok(vec![fold(cx, x, &axes, keep, Op::ReduceMax)?])
}
