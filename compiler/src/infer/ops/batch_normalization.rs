//! [BatchNormalization](https://onnx.ai/onnx/operators/onnx__BatchNormalization.html): `(x - mean) / sqrt(var + epsilon) * scale + bias` by channel, with
//! the running statistics.
//!
//! Opset 14 added `training_mode`, which must be 0. A following pass folds it into a convolution.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Op, Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "BatchNormalization",
    since: &[9, 14, 15],
    inputs: (5, 5),
    attrs: &["epsilon", "momentum", "training_mode"],
    limits: "inference only, with constant statistics",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    if cx.flag("training_mode", false)? {
        return Fault::attribute("training_mode", "export the model in inference mode");
    }
    if cx.opset() < 14 && cx.outputs() > 1 {
        return Fault::form(
            "with several outputs it is in training mode: export the model in inference mode",
        );
    }
    let epsilon = cx.float("epsilon", 1e-5)?;
    let shape = cx.shape(x);
    let Some(&channels) = shape.get(1) else {
        return Fault::shape("an axis of channels is expected");
    };
    let mut aligned = vec![1; shape.len() - 1];
    aligned[0] = channels;
    let mut parts = Vec::new();
    for (slot, what) in [(1, "scale"), (2, "bias"), (3, "mean"), (4, "variance")] {
        let id = cx.stored(slot, what)?;
        let found = cx.shape(id);
        if found != [channels] {
            return Fault::shape(format!("{what} {found:?}, expected [{channels}]"));
        }
        parts.push(cx.reshape(id, &aligned)?);
    }
    let &[scale, bias, mean, variance] = parts.as_slice() else {
        return Fault::form("four parameters are expected");
    };
    // Of constants: evaluated at once, or weights that are not known.
    let epsilon = cx.scalar(epsilon)?;
    let variance = cx.emit(Op::Binary(Binary::Add), &[variance, epsilon])?;
    let root = cx.emit(Op::Unary(Unary::Sqrt), &[variance])?;
    let factors = cx.emit(Op::Binary(Binary::Div), &[scale, root])?;
    let moved = cx.emit(Op::Binary(Binary::Mul), &[mean, factors])?;
    let offsets = cx.emit(Op::Binary(Binary::Sub), &[bias, moved])?;
    let scaled = cx.binary(Binary::Mul, x, factors)?;
    Ok(vec![cx.binary(Binary::Add, scaled, offsets)?])
}
