//! [GlobalMaxPool](https://onnx.ai/onnx/operators/onnx__GlobalMaxPool.html): greatest element over all spatial positions.

use super::Operator;
use super::reduce::fold;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "GlobalMaxPool",
    since: &[1, 22],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let rank = cx.shape(x).len();
    if rank < 3 {
        return Fault::shape("at least one spatial axis is expected");
    }
    let axes: Vec<usize> = (2..rank).collect();
    Ok(vec![fold(cx, x, &axes, true, Op::ReduceMax)?])
}
