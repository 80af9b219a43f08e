//! [Or](https://onnx.ai/onnx/operators/onnx__Or.html): 1 where one is 1, elementwise with broadcasting; Booleans are 0 and 1.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Or",
    since: &[7],
    inputs: (2, 2),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    if cx.flow.is_constant(a) && cx.flow.is_constant(b) {
        return Ok(vec![cx.binary(Binary::Max, a, b)?]);
    }
    let sum = cx.binary(Binary::Add, a, b)?;
    Ok(vec![cx.unary(Unary::IsPositive, sum)?])
}
