//! [ReduceSum](https://onnx.ai/onnx/operators/onnx__ReduceSum.html): sum over axes, which are an input since opset 13.

use super::Operator;
use super::reduce::{axes, fold, keepdims};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ReduceSum",
    since: &[11, 13],
    inputs: (1, 2),
    attrs: &["axes", "keepdims", "noop_with_empty_axes"],
    limits: "constant axes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, keep) = (cx.x(0)?, keepdims(cx)?);
    let axes = axes(cx, 13)?;
    Ok(vec![fold(cx, x, &axes, keep, Op::ReduceSum)?])
}
