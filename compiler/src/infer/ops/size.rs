//! [Size](https://onnx.ai/onnx/operators/onnx__Size.html): the number of elements.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::ValueId;
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "Size",
    since: &[1, 13, 19, 21, 23, 24, 25],
    inputs: (1, 1),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let size: usize = cx.shape(x).iter().product();
    let size = Tensor::list(&[size as i64]).reshaped(&[])?;
    Ok(vec![cx.make(size)?])
}
