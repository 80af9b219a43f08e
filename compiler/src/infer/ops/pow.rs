//! [Pow](https://onnx.ai/onnx/operators/onnx__Pow.html): `a^b`, with a constant exponent.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Pow",
    since: &[7, 12, 13, 15],
    inputs: (2, 2),
    attrs: &[],
    limits: "the base or the exponent is a constant number",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    let constant = cx.flow.is_constant(a) && cx.flow.is_constant(b);
    // A number of more axes gives its result more axes.
    let plain = cx.shape(b).len() <= cx.shape(a).len();
    match cx.flow.scalar(b) {
        Some(1.0) if plain => return Ok(vec![a]),
        Some(2.0) if plain && !constant => return Ok(vec![cx.binary(Binary::Mul, a, a)?]),
        None if !constant && cx.flow.scalar(a).is_none() => {
            return Fault::form("its base or exponent must be a constant number");
        }
        _ => {}
    }
    Ok(vec![cx.binary(Binary::Pow, a, b)?])
}
