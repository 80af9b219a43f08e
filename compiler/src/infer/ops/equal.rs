//! [Equal](https://onnx.ai/onnx/operators/onnx__Equal.html): 1 where a = b, else 0, elementwise with broadcasting.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Equal",
    since: &[11, 13, 19],
    inputs: (2, 2),
    attrs: &[],
    limits: "activations are compared after quantization",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    let difference = cx.binary(Binary::Sub, a, b)?;
    let holds = cx.unary(Unary::IsZero, difference)?;
    Ok(vec![holds])
}
