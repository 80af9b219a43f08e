//! [Xor](https://onnx.ai/onnx/operators/onnx__Xor.html): 1 where one but not both is 1, elementwise with broadcasting; Booleans are 0 and 1.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Xor",
    since: &[7],
    inputs: (2, 2),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    let difference = cx.binary(Binary::Sub, a, b)?;
    Ok(vec![cx.unary(Unary::Abs, difference)?])
}
