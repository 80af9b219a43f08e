//! [ArgMax](https://onnx.ai/onnx/operators/onnx__ArgMax.html): index of the greatest element of an axis; of equal ones the first, or with
//! `select_last_index`, since opset 12, the last.

use super::Operator;
use super::rank::arg;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "ArgMax",
    since: &[11, 12, 13],
    inputs: (1, 1),
    attrs: &["axis", "keepdims", "select_last_index"],
    limits: "activations are compared after quantization; an axis of at most 32,767",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    arg(cx, true)
}
