//! [HardSigmoid](https://onnx.ai/onnx/operators/onnx__HardSigmoid.html): max(0, min(1, alpha x + beta)), elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "HardSigmoid",
    since: &[6, 22],
    inputs: (1, 1),
    attrs: &["alpha", "beta"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::HardSigmoid {
        alpha: cx.float("alpha", 0.2)?,
        beta: cx.float("beta", 0.5)?,
    };
    Ok(vec![cx.unary(f, x)?])
}
