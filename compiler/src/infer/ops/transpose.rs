//! [Transpose](https://onnx.ai/onnx/operators/onnx__Transpose.html): permutes the axes; reverses them by default.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Transpose",
    since: &[1, 13, 21, 23, 24, 25],
    inputs: (1, 1),
    attrs: &["perm"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let rank = cx.shape(x).len();
    let perm = match cx.ints("perm")? {
        Some(perm) => perm
            .iter()
            .map(|&axis| usize::try_from(axis).ok())
            .collect::<Option<Vec<_>>>(),
        None => Some((0..rank).rev().collect()),
    };
    let Some(perm) = perm else {
        return Fault::attribute("perm", "an axis is negative");
    };
    Ok(vec![cx.transpose(x, &perm)?])
}
