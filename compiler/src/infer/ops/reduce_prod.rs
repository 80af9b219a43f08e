//! [ReduceProd](https://onnx.ai/onnx/operators/onnx__ReduceProd.html): product over axes, which are an input since opset 18; one multiplication
//! after another.

use super::Operator;
use super::reduce::{axes, fold_pairs, keepdims};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ReduceProd",
    since: &[11, 13, 18],
    inputs: (1, 2),
    attrs: &["axes", "keepdims", "noop_with_empty_axes"],
    limits: "constant axes, at most 64 factors",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, keep) = (cx.x(0)?, keepdims(cx)?);
    let axes = axes(cx, 18)?;
    Ok(vec![fold_pairs(cx, x, &axes, keep, Binary::Mul)?])
}
