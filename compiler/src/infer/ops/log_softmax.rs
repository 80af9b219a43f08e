//! [LogSoftmax](https://onnx.ai/onnx/operators/onnx__LogSoftmax.html): the logarithm of [Softmax](https://onnx.ai/onnx/operators/onnx__Softmax.html).

use super::Operator;
use super::softmax::softmax;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "LogSoftmax",
    since: &[11, 13],
    inputs: (1, 1),
    attrs: &["axis"],
    limits: "probabilities below the integer model's step become that step",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let out = softmax(cx)?;
    Ok(vec![cx.unary(Unary::Log, out)?])
}
