//! [Shrink](https://onnx.ai/onnx/operators/onnx__Shrink.html): x + bias below -lambd, x - bias above lambd, else 0, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Shrink",
    since: &[9],
    inputs: (1, 1),
    attrs: &["bias", "lambd"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::Shrink {
        bias: cx.float("bias", 0.0)?,
        lambd: cx.float("lambd", 0.5)?,
    };
    Ok(vec![cx.unary(f, x)?])
}
