//! [QuantizeLinear](https://onnx.ai/onnx/operators/onnx__QuantizeLinear.html): `clamp(round(x / scale) + zero_point)`.
//!
//! Of weights it is folded; of activations it becomes part of a lookup table.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "QuantizeLinear",
    since: &[10, 13, 19, 21, 23, 24, 25],
    inputs: (2, 3),
    attrs: &["axis", "output_dtype", "saturate"],
    limits: "one scale per tensor, 8 bits; the type is guessed from the zero point's sign",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let scale = cx.const_float(1, "scale")?.unwrap_or(0.0);
    if scale <= 0.0 {
        return Fault::form("its scale is not positive");
    }
    let zero = cx.const_float(2, "zero point")?;
    // The decoder keeps values, not types: 0 and above means unsigned only when it is not 0,
    // which is what exporters write for symmetric signed tensors.
    let (lo, hi) = match (zero, cx.int("output_dtype")?) {
        (_, Some(3)) => (-128.0, 127.0),
        (_, Some(2)) | (None, _) => (0.0, 255.0),
        (Some(zero), _) if zero > 0.0 => (0.0, 255.0),
        _ => (-128.0, 127.0),
    };
    let zero = zero.unwrap_or(0.0);
    let f = Unary::Quantize {
        scale,
        zero,
        lo,
        hi,
    };
    Ok(vec![cx.unary(f, x)?])
}
