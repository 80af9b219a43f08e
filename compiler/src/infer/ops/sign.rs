//! [Sign](https://onnx.ai/onnx/operators/onnx__Sign.html): -1, 0 or 1, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Sign",
    since: &[9, 13],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    Ok(vec![cx.unary(Unary::Sign, x)?])
}
