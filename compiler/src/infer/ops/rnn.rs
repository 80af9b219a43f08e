//! [RNN](https://onnx.ai/onnx/operators/onnx__RNN.html): unrolled over time, one direction or two.

use super::Operator;
use super::recurrent::{Recurrent, gate};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "RNN",
    since: &[7, 14, 22],
    inputs: (3, 6),
    attrs: &["direction", "hidden_size", "layout"],
    limits: "default activations (Tanh), no clip, no lengths, layout 0",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let cell = Recurrent::read(cx, 1, 2)?;
    let mut outputs = cell.run(cx, None, |cx, cell, step, h, c| {
        let sum = gate(cx, cell, step, 0, h)?;
        Ok((cx.unary(Unary::Tanh, sum)?, c))
    })?;
    outputs.truncate(2);
    Ok(outputs)
}
