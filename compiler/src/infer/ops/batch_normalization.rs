//! [BatchNormalization](https://onnx.ai/onnx/operators/onnx__BatchNormalization.html): `(x - mean) / sqrt(var + epsilon) * scale + bias` by channel, with
//! the running statistics.
//!
//! Opset 14 added `training_mode`, which must be 0. A following pass folds it into a convolution.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ValueId};
use crate::infer::tensor::Tensor;

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
    let epsilon = cx.float("epsilon", 1e-5)?;
    let shape = cx.shape(x);
    let Some(&channels) = shape.get(1) else {
        return Fault::shape("an axis of channels is expected");
    };
    let mut parts = Vec::new();
    for (slot, what) in [(1, "scale"), (2, "bias"), (3, "mean"), (4, "variance")] {
        let tensor = cx.constant(slot, what)?;
        if tensor.shape() != [channels] {
            return Fault::shape(format!(
                "{what} {:?}, expected [{channels}]",
                tensor.shape()
            ));
        }
        parts.push(tensor.to_floats());
    }
    let [scale, bias, mean, variance] = parts.as_slice() else {
        return Fault::form("four parameters are expected");
    };
    let (mut factors, mut offsets) = (Vec::new(), Vec::new());
    for (((scale, bias), mean), variance) in scale.iter().zip(bias).zip(mean).zip(variance) {
        let factor = f64::from(*scale) / (f64::from(*variance) + epsilon).sqrt();
        if !factor.is_finite() {
            return Fault::form("a variance is not positive");
        }
        factors.push(factor as f32);
        offsets.push((f64::from(*bias) - f64::from(*mean) * factor) as f32);
    }
    let mut aligned = vec![1; shape.len() - 1];
    aligned[0] = channels;
    let factors = cx.make(Tensor::made(&aligned, factors)?)?;
    let offsets = cx.make(Tensor::made(&aligned, offsets)?)?;
    let scaled = cx.binary(Binary::Mul, x, factors)?;
    Ok(vec![cx.binary(Binary::Add, scaled, offsets)?])
}
