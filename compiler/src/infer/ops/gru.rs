//! [GRU](https://onnx.ai/onnx/operators/onnx__GRU.html): unrolled over time, one direction or two.

use super::Operator;
use super::recurrent::{Recurrent, from_input, from_state, gate};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "GRU",
    since: &[7, 14, 22],
    inputs: (3, 6),
    attrs: &["direction", "hidden_size", "layout", "linear_before_reset"],
    limits: "default activations, no clip, no lengths, layout 0",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let cell = Recurrent::read(cx, 3, 6)?;
    let linear = cx.flag("linear_before_reset", false)?;
    let mut outputs = cell.run(cx, None, |cx, cell, step, h, c| {
        let update = gate(cx, cell, step, 0, h)?;
        let update = cx.unary(Unary::Sigmoid, update)?;
        let reset = gate(cx, cell, step, 1, h)?;
        let reset = cx.unary(Unary::Sigmoid, reset)?;
        let candidate = if linear {
            let state = from_state(cx, cell, 2, h)?;
            let state = cx.binary(Binary::Mul, reset, state)?;
            let input = from_input(cx, cell, step, 2)?;
            cx.binary(Binary::Add, input, state)?
        } else {
            let state = cx.binary(Binary::Mul, reset, h)?;
            gate(cx, cell, step, 2, state)?
        };
        let candidate = cx.unary(Unary::Tanh, candidate)?;
        // (1 - z) n + z h = n + z (h - n)
        let change = cx.binary(Binary::Sub, h, candidate)?;
        let change = cx.binary(Binary::Mul, update, change)?;
        Ok((cx.binary(Binary::Add, candidate, change)?, c))
    })?;
    outputs.truncate(2);
    Ok(outputs)
}
