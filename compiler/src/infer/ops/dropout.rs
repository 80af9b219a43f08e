//! [Dropout](https://onnx.ai/onnx/operators/onnx__Dropout.html): nothing, in inference.
//!
//! Since opset 12 ratio and training mode are inputs.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Dropout",
    since: &[10, 12, 13, 22],
    inputs: (1, 3),
    attrs: &["ratio", "seed"],
    limits: "inference only, no mask",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    if cx.const_float(2, "training mode")?.unwrap_or(0.0) != 0.0 {
        return Fault::form("export the model in inference mode");
    }
    Ok(vec![cx.x(0)?])
}
