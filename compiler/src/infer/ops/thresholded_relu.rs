//! [ThresholdedRelu](https://onnx.ai/onnx/operators/onnx__ThresholdedRelu.html): x above alpha, else 0, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ThresholdedRelu",
    since: &[10, 22],
    inputs: (1, 1),
    attrs: &["alpha"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::ThresholdedRelu(cx.float("alpha", 1.0)?);
    Ok(vec![cx.unary(f, x)?])
}
