//! [Sub](https://onnx.ai/onnx/operators/onnx__Sub.html): a - b, elementwise with broadcasting.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Sub",
    since: &[7, 13, 14],
    inputs: (2, 2),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    Ok(vec![cx.binary(Binary::Sub, a, b)?])
}
