//! [Swish](https://onnx.ai/onnx/operators/onnx__Swish.html): x / (1 + exp(-alpha x)), elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Swish",
    since: &[24],
    inputs: (1, 1),
    attrs: &["alpha"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::Swish(cx.float("alpha", 1.0)?);
    Ok(vec![cx.unary(f, x)?])
}
