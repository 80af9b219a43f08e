//! [Acos](https://onnx.ai/onnx/operators/onnx__Acos.html): the arc cosine, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Acos",
    since: &[7, 22],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    Ok(vec![cx.unary(Unary::Acos, x)?])
}
