//! [Asinh](https://onnx.ai/onnx/operators/onnx__Asinh.html): the inverse hyperbolic sine, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Asinh",
    since: &[9, 22],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    Ok(vec![cx.unary(Unary::Asinh, x)?])
}
