//! [Sum](https://onnx.ai/onnx/operators/onnx__Sum.html): the sum of the operands, elementwise with broadcasting.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Sum",
    since: &[8, 13],
    inputs: (1, 64),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let mut out = cx.x(0)?;
    for slot in 1..cx.arity() {
        let next = cx.x(slot)?;
        out = cx.binary(Binary::Add, out, next)?;
    }
    Ok(vec![out])
}
