//! [RMSNormalization](https://onnx.ai/onnx/operators/onnx__RMSNormalization.html): `x / sqrt(mean of squares + epsilon) * scale` over the axes from
//! `axis` on.

use super::Operator;
use super::layer_normalization::normalize;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "RMSNormalization",
    since: &[23],
    inputs: (2, 2),
    attrs: &["axis", "epsilon", "stash_type"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    normalize(cx, false)
}
