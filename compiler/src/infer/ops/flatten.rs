//! [Flatten](https://onnx.ai/onnx/operators/onnx__Flatten.html): to two axes, split before `axis`.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Flatten",
    since: &[11, 13, 21, 23, 24, 25],
    inputs: (1, 1),
    attrs: &["axis"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    let axis = cx.int("axis")?.unwrap_or(1);
    let shifted = if axis < 0 {
        axis.saturating_add(shape.len() as i64)
    } else {
        axis
    };
    let Some(at) = usize::try_from(shifted)
        .ok()
        .filter(|&at| at <= shape.len())
    else {
        return Fault::attribute("axis", format!("{axis} of {shape:?}"));
    };
    let (rows, columns) = shape.split_at(at);
    Ok(vec![cx.reshape(
        x,
        &[rows.iter().product(), columns.iter().product()],
    )?])
}
