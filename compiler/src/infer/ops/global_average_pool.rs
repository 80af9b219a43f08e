//! [GlobalAveragePool](https://onnx.ai/onnx/operators/onnx__GlobalAveragePool.html): mean over all spatial positions.

use super::Operator;
use super::reduce::mean;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "GlobalAveragePool",
    since: &[1, 22],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    if shape.len() < 3 {
        return Fault::shape("at least one spatial axis is expected");
    }
    let axes: Vec<usize> = (2..shape.len()).collect();
    Ok(vec![mean(cx, x, &axes, true)?])
}
