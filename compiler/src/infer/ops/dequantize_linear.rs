//! [DequantizeLinear](https://onnx.ai/onnx/operators/onnx__DequantizeLinear.html): `(x - zero_point) * scale`, per tensor or per channel.
//!
//! Per-channel scales came with opset 13, block scales (not supported) with 21.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ValueId};
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "DequantizeLinear",
    since: &[10, 13, 19, 21, 23, 24, 25],
    inputs: (2, 3),
    attrs: &["axis", "block_size"],
    limits: "no blocks",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    if cx.int("block_size")?.unwrap_or(0) != 0 {
        return Fault::attribute("block_size", "blocks are not supported");
    }
    let shape = cx.shape(x);
    let scale = cx.constant(1, "scale")?;
    let aligned = if scale.len() == 1 {
        Vec::new()
    } else {
        let axis = cx.axis(cx.int("axis")?.unwrap_or(1), shape.len())?;
        if scale.len() != shape[axis] {
            return Fault::shape(format!(
                "{} scales on an axis of {}",
                scale.len(),
                shape[axis]
            ));
        }
        let mut aligned = vec![1; shape.len() - axis];
        aligned[0] = scale.len();
        aligned
    };
    let mut out = x;
    if cx.opt(2).is_some() {
        let zero = cx.constant(2, "zero point")?;
        let zero = cx.make(Tensor::made(&aligned, zero.to_floats())?)?;
        out = cx.binary(Binary::Sub, out, zero)?;
    }
    let scale = cx.make(Tensor::made(&aligned, scale.to_floats())?)?;
    Ok(vec![cx.binary(Binary::Mul, out, scale)?])
}
