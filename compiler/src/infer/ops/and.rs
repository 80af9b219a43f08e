//! [And](https://onnx.ai/onnx/operators/onnx__And.html): 1 where both are 1, elementwise with broadcasting; Booleans are 0 and 1.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "And",
    since: &[7],
    inputs: (2, 2),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    Ok(vec![cx.binary(Binary::Mul, a, b)?])
}
