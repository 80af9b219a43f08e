//! [HardSwish](https://onnx.ai/onnx/operators/onnx__HardSwish.html): x max(0, min(1, x / 6 + 1 / 2)), elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "HardSwish",
    since: &[14, 22],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    Ok(vec![cx.unary(Unary::HardSwish, x)?])
}
