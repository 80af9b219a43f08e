//! [Identity](https://onnx.ai/onnx/operators/onnx__Identity.html): the operand.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Identity",
    since: &[1, 13, 14, 16, 19, 21, 23, 24, 25],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    Ok(vec![cx.x(0)?])
}
