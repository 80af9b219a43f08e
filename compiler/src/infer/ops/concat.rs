//! [Concat](https://onnx.ai/onnx/operators/onnx__Concat.html): operands one after another along an axis.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Concat",
    since: &[11, 13],
    inputs: (1, 4096),
    attrs: &["axis"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let mut xs = Vec::new();
    for slot in 0..cx.arity() {
        let x = cx.x(slot)?;
        // Exporters concatenate empty lists when they compute shapes.
        if cx.shape(x) != [0] || cx.arity() == 1 {
            xs.push(x);
        }
    }
    let (Some(axis), Some(&first)) = (cx.int("axis")?, xs.first()) else {
        return Fault::attribute("axis", "it is missing");
    };
    let axis = cx.axis(axis, cx.shape(first).len())?;
    if xs.len() == 1 {
        return Ok(xs);
    }
    Ok(vec![cx.emit(Op::Concat(axis), &xs)?])
}
