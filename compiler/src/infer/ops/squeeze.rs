//! [Squeeze](https://onnx.ai/onnx/operators/onnx__Squeeze.html): drops axes of one element; they are an input since opset 13.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Squeeze",
    since: &[11, 13, 21, 23, 24, 25],
    inputs: (1, 2),
    attrs: &["axes"],
    limits: "constant axes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    let given = match cx.const_ints(1, "axes")? {
        Some(axes) => Some(axes),
        None => cx.ints("axes")?,
    };
    let axes = match given {
        Some(axes) => cx.axes(&axes, shape.len())?,
        None => (0..shape.len()).filter(|&axis| shape[axis] == 1).collect(),
    };
    if axes.iter().any(|&axis| shape[axis] != 1) {
        return Fault::shape(format!("axes {axes:?} of {shape:?} are not all 1"));
    }
    let kept = (0..shape.len()).filter(|axis| !axes.contains(axis));
    let kept: Vec<usize> = kept.map(|axis| shape[axis]).collect();
    Ok(vec![cx.reshape(x, &kept)?])
}
