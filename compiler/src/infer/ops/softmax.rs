//! [Softmax](https://onnx.ai/onnx/operators/onnx__Softmax.html): `exp(x) / sum exp(x)` over an axis.
//!
//! Before opset 13 over all axes from `axis` on (1 by default), since then over `axis` (-1).

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::{Binary, Op, ValueId};
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "Softmax",
    since: &[11, 13],
    inputs: (1, 1),
    attrs: &["axis"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    Ok(vec![softmax(cx)?])
}

/// The softmax of the first input.
pub(super) fn softmax(cx: &mut Cx<'_>) -> OpResult<ValueId> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    if cx.opset() < 13 {
        let axis = cx.axis(cx.int("axis")?.unwrap_or(1), shape.len())?;
        let width = shape[axis..].iter().product();
        let x = masked(cx, x, axis)?;
        let rows = cx.reshape(x, &[&shape[..axis], &[width]].concat())?;
        let out = cx.emit(Op::Softmax, &[rows])?;
        return cx.reshape(out, &shape);
    }
    let axis = cx.axis(cx.int("axis")?.unwrap_or(-1), shape.len())?;
    let mut perm: Vec<usize> = (0..shape.len()).collect();
    perm.swap(axis, shape.len() - 1);
    let x = masked(cx, x, axis)?;
    let rows = cx.transpose(x, &perm)?;
    let out = cx.emit(Op::Softmax, &[rows])?;
    cx.transpose(out, &perm)
}

/// What is so far below the rest of its row has no weight: its exponential is zero in 32-bit floats.
const FAR: f32 = 1000.0;

/// Scores with a finite mask added, such as -10,000: the mask becomes one that calibrates nothing. Rows
/// that are masked as a whole stay as they are, and so do other axes than the last.
fn masked(cx: &mut Cx<'_>, x: ValueId, axis: usize) -> OpResult<ValueId> {
    if axis + 1 != cx.shape(x).len() {
        return Ok(x);
    }
    let value = &cx.flow.values[x];
    let (Op::Binary(Binary::Add), &[scores, k]) = (&value.op, value.inputs.as_slice()) else {
        return Ok(x);
    };
    let width = cx.shape(x).last().copied().unwrap_or(1);
    let Some(mask) = cx.flow.constant(k) else {
        return Ok(x);
    };
    let (shape, values) = (mask.shape().to_vec(), mask.to_floats());
    let rows = || values.chunks(width.max(1));
    let some = values.iter().any(|&v| v <= -FAR);
    if shape.last() != Some(&width) || !some || rows().any(|row| row.iter().all(|&v| v <= -FAR)) {
        return Ok(x);
    }
    let least = |&v: &f32| if v <= -FAR { f32::MIN } else { v };
    let Some(mask) = Tensor::float(&shape, values.iter().map(least).collect()) else {
        return Ok(x);
    };
    let mask = cx.make(mask)?;
    cx.emit(Op::Binary(Binary::Add), &[scores, mask])
}
