//! [Unsqueeze](https://onnx.ai/onnx/operators/onnx__Unsqueeze.html): inserts axes of one element; they are an input since opset 13.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Unsqueeze",
    since: &[11, 13, 21, 23, 24, 25],
    inputs: (1, 2),
    attrs: &["axes"],
    limits: "constant axes, at most 16 in all",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let given = match cx.const_ints(1, "axes")? {
        Some(axes) => axes,
        None => cx.ints("axes")?.unwrap_or_default(),
    };
    let mut shape = cx.shape(x);
    let rank = shape.len() + given.len();
    if rank > 16 {
        return Fault::shape(format!("{rank} axes"));
    }
    for axis in cx.axes(&given, rank)? {
        shape.insert(axis, 1);
    }
    Ok(vec![cx.reshape(x, &shape)?])
}
