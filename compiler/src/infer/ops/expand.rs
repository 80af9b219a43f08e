//! [Expand](https://onnx.ai/onnx/operators/onnx__Expand.html): broadcast to a constant shape, in both directions.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};
use crate::infer::tensor::broadcast;

pub(super) const OP: Operator = Operator {
    name: "Expand",
    since: &[8, 13],
    inputs: (2, 2),
    attrs: &[],
    limits: "constant shape",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.const_ints(1, "shape")?.unwrap_or_default();
    let dims = shape.iter().map(|&dim| usize::try_from(dim).ok());
    let Some(dims) = dims.collect::<Option<Vec<_>>>() else {
        return Fault::shape(format!("a negative dimension in {shape:?}"));
    };
    let dims = broadcast(&cx.shape(x), &dims)?;
    if dims == cx.shape(x) {
        return Ok(vec![x]);
    }
    Ok(vec![cx.emit(Op::Expand(dims), &[x])?])
}
