//! [Mean](https://onnx.ai/onnx/operators/onnx__Mean.html): the mean of the operands, elementwise with broadcasting.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Mean",
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
    let count = cx.arity() as f64;
    Ok(vec![cx.scale(out, 1.0 / count)?])
}
