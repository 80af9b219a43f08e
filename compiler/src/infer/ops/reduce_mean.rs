//! [ReduceMean](https://onnx.ai/onnx/operators/onnx__ReduceMean.html): mean over axes, which are an input since opset 18.

use super::Operator;
use super::reduce::{axes, keepdims, mean};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "ReduceMean",
    since: &[11, 13, 18],
    inputs: (1, 2),
    attrs: &["axes", "keepdims", "noop_with_empty_axes"],
    limits: "constant axes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, keep) = (cx.x(0)?, keepdims(cx)?);
    let axes = axes(cx, 18)?;
    Ok(vec![mean(cx, x, &axes, keep)?])
}
