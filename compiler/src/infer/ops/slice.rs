//! [Slice](https://onnx.ai/onnx/operators/onnx__Slice.html): `x[start:end:step]` on chosen axes; all are inputs since opset 10.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Slice",
    since: &[11, 13],
    inputs: (3, 5),
    attrs: &[],
    limits: "constant bounds; the result is not empty",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    let from = cx.const_ints(1, "starts")?.unwrap_or_default();
    let to = cx.const_ints(2, "ends")?.unwrap_or_default();
    let axes = match cx.const_ints(3, "axes")? {
        Some(axes) => axes,
        None => (0..from.len() as i64).collect(),
    };
    let by = cx
        .const_ints(4, "steps")?
        .unwrap_or_else(|| vec![1; from.len()]);
    if to.len() != from.len() || axes.len() != from.len() || by.len() != from.len() {
        return Fault::shape("starts, ends, axes and steps have different lengths");
    }
    let (mut starts, mut sizes, mut steps) =
        (vec![0; shape.len()], shape.clone(), vec![1; shape.len()]);
    for (at, &axis) in axes.iter().enumerate() {
        let axis = cx.axis(axis, shape.len())?;
        let (start, size) = span(shape[axis], from[at], to[at], by[at])?;
        (starts[axis], sizes[axis]) = (start, size);
        steps[axis] = by[at] as isize;
    }
    let out = cx.emit(
        Op::Slice {
            starts,
            sizes,
            steps,
        },
        &[x],
    )?;
    Ok(vec![out])
}

/// First index and number of elements, by the rules of Python.
fn span(dim: usize, from: i64, to: i64, step: i64) -> OpResult<(usize, usize)> {
    let dim = dim as i64;
    let shift = |at: i64| if at < 0 { at.saturating_add(dim) } else { at };
    if step == 0 || step == i64::MIN {
        return Fault::form("a step is 0");
    }
    let (start, count) = if step > 0 {
        let (start, end) = (shift(from).clamp(0, dim), shift(to).clamp(0, dim));
        (start, count_of((end - start).max(0), step))
    } else {
        let (start, end) = (shift(from).clamp(0, dim - 1), shift(to).clamp(-1, dim - 1));
        (start, count_of((start - end).max(0), -step))
    };
    Ok((start as usize, count as usize))
}

/// Steps of a positive length that a distance holds, the last one cut short.
fn count_of(distance: i64, step: i64) -> i64 {
    distance / step + i64::from(distance % step != 0)
}
