//! [Elu](https://onnx.ai/onnx/operators/onnx__Elu.html): x, or alpha (exp(x) - 1) below 0, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Elu",
    since: &[6, 22],
    inputs: (1, 1),
    attrs: &["alpha"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::Elu(cx.float("alpha", 1.0)?);
    Ok(vec![cx.unary(f, x)?])
}
