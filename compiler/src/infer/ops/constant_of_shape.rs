//! [ConstantOfShape](https://onnx.ai/onnx/operators/onnx__ConstantOfShape.html): a tensor of one repeated value.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "ConstantOfShape",
    since: &[9, 20, 21, 23, 24, 25],
    inputs: (1, 1),
    attrs: &["value"],
    limits: "constant shape",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let shape = cx.const_ints(0, "shape")?.unwrap_or_default();
    let value = cx.tensor("value")?.unwrap_or_else(|| Tensor::scalar(0.0));
    let dims = shape.iter().map(|&dim| usize::try_from(dim).ok());
    let Some(dims) = dims.collect::<Option<Vec<_>>>() else {
        return Fault::shape(format!("a negative dimension in {shape:?}"));
    };
    let value = cx.make(value.reshaped(&[])?)?;
    // As an expansion its size is checked before it is made.
    Ok(vec![cx.emit(Op::Expand(dims), &[value])?])
}
