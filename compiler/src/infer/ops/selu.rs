//! [Selu](https://onnx.ai/onnx/operators/onnx__Selu.html): gamma x, or gamma alpha (exp(x) - 1) below 0, elementwise.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Unary, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Selu",
    since: &[6, 22],
    inputs: (1, 1),
    attrs: &["alpha", "gamma"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let f = Unary::Selu {
        alpha: cx.float("alpha", 1.673_263_192_176_818_8)?,
        gamma: cx.float("gamma", 1.050_701_022_148_132_3)?,
    };
    Ok(vec![cx.unary(f, x)?])
}
