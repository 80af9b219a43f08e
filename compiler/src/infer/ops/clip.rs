//! [Clip](https://onnx.ai/onnx/operators/onnx__Clip.html): `min(max(x, lo), hi)`.
//!
//! The bounds are inputs since opset 11.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Clip",
    since: &[11, 12, 13],
    inputs: (1, 3),
    attrs: &[],
    limits: "constant bounds",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let lo = cx
        .const_float(1, "lower bound")?
        .unwrap_or(f64::NEG_INFINITY);
    let hi = cx.const_float(2, "upper bound")?.unwrap_or(f64::INFINITY);
    Ok(vec![cx.unary(Unary::Clip { lo, hi }, x)?])
}
