//! [InstanceNormalization](https://onnx.ai/onnx/operators/onnx__InstanceNormalization.html): normalization of each channel of each sample, then scale and bias.

use super::Operator;
use super::group_normalization::grouped;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "InstanceNormalization",
    since: &[6, 22],
    inputs: (3, 3),
    attrs: &["epsilon"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let Some(&channels) = cx.shape(x).get(1) else {
        return Fault::shape("an axis of channels is expected");
    };
    grouped(cx, channels, true)
}
