//! [LSTM](https://onnx.ai/onnx/operators/onnx__LSTM.html): unrolled over time, one direction or two.

use super::Operator;
use super::recurrent::{Recurrent, gate};
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "LSTM",
    since: &[7, 14, 22],
    inputs: (3, 8),
    attrs: &["direction", "hidden_size", "input_forget", "layout"],
    limits: "default activations, no clip, no peepholes, no lengths, layout 0, input_forget 0",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let cell = Recurrent::read(cx, 4, 8)?;
    let initial = cx.opt(6);
    cell.run(cx, initial, |cx, cell, step, h, c| {
        let sums = [0, 1, 2, 3].map(|at| gate(cx, cell, step, at, h));
        let [input, output, forget, candidate] = sums;
        let input = cx.unary(Unary::Sigmoid, input?)?;
        let output = cx.unary(Unary::Sigmoid, output?)?;
        let forget = cx.unary(Unary::Sigmoid, forget?)?;
        let candidate = cx.unary(Unary::Tanh, candidate?)?;
        let kept = cx.binary(Binary::Mul, forget, c)?;
        let added = cx.binary(Binary::Mul, input, candidate)?;
        let c = cx.binary(Binary::Add, kept, added)?;
        let shown = cx.unary(Unary::Tanh, c)?;
        Ok((cx.binary(Binary::Mul, output, shown)?, c))
    })
}
