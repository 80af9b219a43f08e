//! [Sigmoid](https://onnx.ai/onnx/operators/onnx__Sigmoid.html): 1 / (1 + exp(-x)), elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Sigmoid",
    since: &[6, 13],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    Ok(vec![cx.unary(Unary::Sigmoid, x)?])
}
