//! [Gemm](https://onnx.ai/onnx/operators/onnx__Gemm.html): `alpha A' B' + beta C`.
//!
//! C is optional since opset 11.

use super::Operator;
use super::mat_mul::multiply;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Gemm",
    since: &[11, 13],
    inputs: (2, 3),
    attrs: &["alpha", "beta", "transA", "transB"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (mut a, mut b) = (cx.x(0)?, cx.x(1)?);
    if cx.shape(a).len() != 2 || cx.shape(b).len() != 2 {
        return Fault::shape("two matrices are expected");
    }
    if cx.flag("transA", false)? {
        a = cx.swap(a)?;
    }
    if cx.flag("transB", false)? {
        b = cx.swap(b)?;
    }
    let product = multiply(cx, a, b)?;
    let (alpha, beta) = (cx.float("alpha", 1.0)?, cx.float("beta", 1.0)?);
    let product = cx.scale(product, alpha)?;
    let Some(c) = cx.opt(2).filter(|_| beta != 0.0) else {
        return Ok(vec![product]);
    };
    let shape = cx.shape(product);
    let c = cx.scale(c, beta)?;
    let sum = cx.binary(Binary::Add, product, c)?;
    if cx.shape(sum) != shape {
        return Fault::shape(format!("bias {:?} for {shape:?}", cx.shape(c)));
    }
    Ok(vec![sum])
}
