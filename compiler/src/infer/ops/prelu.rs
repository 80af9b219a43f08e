//! [PRelu](https://onnx.ai/onnx/operators/onnx__PRelu.html): x, or slope x below 0, with a slope per tensor or per channel.
//!
//! Made as `relu(x) - slope relu(-x)`.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "PRelu",
    since: &[9, 16],
    inputs: (2, 2),
    attrs: &[],
    limits: "constant slope",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, slope) = (cx.x(0)?, cx.x(1)?);
    if let Some(alpha) = cx.flow.scalar(slope) {
        return Ok(vec![cx.unary(Unary::LeakyRelu(alpha), x)?]);
    }
    cx.stored(1, "slope")?;
    let shape = cx.shape(x);
    let positive = cx.unary(Unary::Relu, x)?;
    let minus = cx.unary(Unary::Neg, x)?;
    let negative = cx.unary(Unary::Relu, minus)?;
    let negative = cx.binary(Binary::Mul, negative, slope)?;
    let out = cx.binary(Binary::Sub, positive, negative)?;
    if cx.shape(out) != shape {
        return Fault::shape("the slope does not broadcast to the input");
    }
    Ok(vec![out])
}
