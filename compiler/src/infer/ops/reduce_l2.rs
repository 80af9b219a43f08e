//! [ReduceL2](https://onnx.ai/onnx/operators/onnx__ReduceL2.html): root of the sum of squares over axes, which are an input since opset 18.

use super::Operator;
use super::reduce::{axes, fold, keepdims};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, Op, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ReduceL2",
    since: &[11, 13, 18],
    inputs: (1, 2),
    attrs: &["axes", "keepdims", "noop_with_empty_axes"],
    limits: "constant axes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, keep) = (cx.x(0)?, keepdims(cx)?);
    let axes = axes(cx, 18)?;
    let squares = cx.binary(Binary::Mul, x, x)?;
    let sum = fold(cx, squares, &axes, keep, Op::ReduceSum)?;
    Ok(vec![cx.unary(Unary::Sqrt, sum)?])
}
