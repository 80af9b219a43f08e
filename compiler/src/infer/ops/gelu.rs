//! [Gelu](https://onnx.ai/onnx/operators/onnx__Gelu.html): `x Phi(x)` by the error function, or its approximation by the hyperbolic tangent.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Gelu",
    since: &[20],
    inputs: (1, 1),
    attrs: &["approximate"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = match cx.text("approximate", "none")?.as_str() {
        "none" => Unary::Gelu,
        "tanh" => Unary::GeluTanh,
        other => return Fault::attribute("approximate", format!("{other:?}")),
    };
    Ok(vec![cx.unary(f, x)?])
}
