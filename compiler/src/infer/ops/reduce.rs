//! What the reducing operators share: axes, and bringing them to the end.

use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Op, ValueId};

/// Axes to reduce: an attribute, and since opset `input_since` an input; all when none are given.
pub(super) fn axes(cx: &Cx<'_>, input_since: i64) -> OpResult<Vec<usize>> {
    let rank = cx.shape(cx.x(0)?).len();
    let given = if cx.opset() >= input_since {
        if cx.ints("axes")?.is_some() {
            return Fault::attribute("axes", "it is an input in this operator set");
        }
        cx.const_ints(1, "axes")?
    } else {
        cx.ints("axes")?
    };
    match given {
        Some(axes) if !axes.is_empty() => cx.axes(&axes, rank),
        _ if cx.flag("noop_with_empty_axes", false)? => {
            Fault::attribute("noop_with_empty_axes", "it is not supported")
        }
        _ => Ok((0..rank).collect()),
    }
}

/// Whether reduced axes stay as 1.
pub(super) fn keepdims(cx: &Cx<'_>) -> OpResult<bool> {
    cx.flag("keepdims", true)
}

/// Brings the axes to the end as one, and the shape of a result over them.
fn rows(
    cx: &mut Cx<'_>,
    x: ValueId,
    axes: &[usize],
    keep: bool,
) -> OpResult<(ValueId, Vec<usize>)> {
    let shape = cx.shape(x);
    let others: Vec<usize> = (0..shape.len())
        .filter(|axis| !axes.contains(axis))
        .collect();
    let perm = [others.as_slice(), axes].concat();
    let moved = cx.transpose(x, &perm)?;
    let width: usize = axes.iter().map(|&axis| shape[axis]).product();
    if width == 0 {
        return Fault::shape("nothing to reduce");
    }
    let mut flat: Vec<usize> = others.iter().map(|&axis| shape[axis]).collect();
    flat.push(width);
    let moved = cx.reshape(moved, &flat)?;
    let mut made = shape.clone();
    for &axis in axes {
        made[axis] = 1;
    }
    if !keep {
        made = others.iter().map(|&axis| shape[axis]).collect();
    }
    Ok((moved, made))
}

/// Reduces axes with an operator of the float graph.
pub(super) fn fold(
    cx: &mut Cx<'_>,
    x: ValueId,
    axes: &[usize],
    keep: bool,
    op: Op,
) -> OpResult<ValueId> {
    let (rows, made) = rows(cx, x, axes, keep)?;
    let out = cx.emit(op, &[rows])?;
    cx.reshape(out, &made)
}

/// Mean over axes. The factor comes before the shape, so that it is fused with the sum.
pub(super) fn mean(cx: &mut Cx<'_>, x: ValueId, axes: &[usize], keep: bool) -> OpResult<ValueId> {
    let (rows, made) = rows(cx, x, axes, keep)?;
    let width = cx.shape(rows).last().copied().unwrap_or(1);
    let sum = cx.emit(Op::ReduceSum, &[rows])?;
    let out = cx.scale(sum, 1.0 / width as f64)?;
    cx.reshape(out, &made)
}

/// Reduces axes by halving them with a function of two operands.
pub(super) fn fold_pairs(
    cx: &mut Cx<'_>,
    x: ValueId,
    axes: &[usize],
    keep: bool,
    f: Binary,
) -> OpResult<ValueId> {
    let (mut rows, made) = rows(cx, x, axes, keep)?;
    let axis = cx.shape(rows).len() - 1;
    let mut width = cx.shape(rows)[axis];
    if width > 64 {
        return Fault::form(format!("{width} factors, at most 64 are supported"));
    }
    while width > 1 {
        let half = width / 2;
        let left = cx.part(rows, axis, 0, half)?;
        let right = cx.part(rows, axis, half, half)?;
        let mut out = cx.binary(f, left, right)?;
        if width % 2 == 1 {
            let last = cx.part(rows, axis, width - 1, 1)?;
            out = cx.emit(Op::Concat(axis), &[out, last])?;
        }
        rows = out;
        width = half + width % 2;
    }
    cx.reshape(rows, &made)
}
