//! [Celu](https://onnx.ai/onnx/operators/onnx__Celu.html): max(0, x) + min(0, alpha (exp(x / alpha) - 1)), elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Celu",
    since: &[12],
    inputs: (1, 1),
    attrs: &["alpha"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::Celu(cx.float("alpha", 1.0)?);
    Ok(vec![cx.unary(f, x)?])
}
