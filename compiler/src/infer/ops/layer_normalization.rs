//! [LayerNormalization](https://onnx.ai/onnx/operators/onnx__LayerNormalization.html): `(x - mean) / sqrt(variance + epsilon) * scale + bias` over the
//! axes from `axis` on.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "LayerNormalization",
    since: &[17],
    inputs: (2, 3),
    attrs: &["axis", "epsilon", "stash_type"],
    limits: "only the first output",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    normalize(cx, true)
}

/// Normalization over the axes from `axis` on, then scale and bias.
pub(super) fn normalize(cx: &mut Cx<'_>, center: bool) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    let axis = cx.axis(cx.int("axis")?.unwrap_or(-1), shape.len())?;
    let epsilon = cx.float("epsilon", 1e-5)?;
    if epsilon < 0.0 {
        return Fault::attribute("epsilon", "it is negative");
    }
    let width: usize = shape[axis..].iter().product();
    let flat = [&shape[..axis], &[width]].concat();
    let rows = cx.reshape(x, &flat)?;
    let normal = cx.emit(Op::Normalize { center, epsilon }, &[rows])?;
    let mut out = cx.reshape(normal, &shape)?;
    let scale = cx.x(1)?;
    out = cx.binary(Binary::Mul, out, scale)?;
    if let Some(bias) = cx.opt(2) {
        out = cx.binary(Binary::Add, out, bias)?;
    }
    if cx.shape(out) != shape {
        return Fault::shape(format!("scale or bias do not fit {shape:?}"));
    }
    Ok(vec![out])
}
