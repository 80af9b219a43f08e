//! [Mod](https://onnx.ai/onnx/operators/onnx__Mod.html): remainder with the sign of the divisor, of constants.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Mod",
    since: &[10, 13],
    inputs: (2, 2),
    attrs: &["fmod"],
    limits: "a constant divisor, `fmod` 0",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (a, b) = (cx.x(0)?, cx.x(1)?);
    if cx.flag("fmod", false)? {
        return Fault::attribute("fmod", "it is not supported");
    }
    if cx.flow.scalar(b).is_none() && !cx.flow.is_constant(a) {
        return Fault::form("its divisor must be a constant number");
    }
    Ok(vec![cx.binary(Binary::Mod, a, b)?])
}
