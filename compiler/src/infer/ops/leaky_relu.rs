//! [LeakyRelu](https://onnx.ai/onnx/operators/onnx__LeakyRelu.html): x, or alpha x below 0, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "LeakyRelu",
    since: &[6, 16],
    inputs: (1, 1),
    attrs: &["alpha"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::LeakyRelu(cx.float("alpha", 0.01)?);
    Ok(vec![cx.unary(f, x)?])
}
