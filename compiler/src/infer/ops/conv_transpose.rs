//! [ConvTranspose](https://onnx.ai/onnx/operators/onnx__ConvTranspose.html): the transposed convolution, as a convolution of the input spread out by
//! zeros with the mirrored weight.

use super::Operator;
use super::window::list;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ConvAttrs, Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "ConvTranspose",
    since: &[11, 22],
    inputs: (2, 3),
    attrs: &[
        "dilations",
        "group",
        "kernel_shape",
        "output_padding",
        "pads",
        "strides",
    ],
    limits: "one or two spatial axes, constant weight, no auto_pad, no output_shape",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, w) = (cx.x(0)?, cx.x(1)?);
    cx.stored(1, "weight")?;
    let (xs, ws) = (cx.shape(x), cx.shape(w));
    if ws.len() < 3 || xs.len() != ws.len() || xs[1] != ws[0] {
        return Fault::shape(format!("input {xs:?}, weight {ws:?}"));
    }
    let rank = ws.len() - 2;
    let strides = list(cx, "strides", rank, 1)?;
    let dilations = list(cx, "dilations", rank, 1)?;
    let extra = list(cx, "output_padding", rank, 0)?;
    let pads = list(cx, "pads", 2 * rank, 0)?;
    if let Some(kernel) = cx.ints("kernel_shape")?
        && !kernel
            .iter()
            .zip(&ws[2..])
            .all(|(&k, &w)| usize::try_from(k) == Ok(w))
    {
        return Fault::attribute("kernel_shape", "it is not that of the weight");
    }
    let groups = usize::try_from(cx.int("group")?.unwrap_or(1)).unwrap_or(0);
    if groups == 0
        || !ws[0].is_multiple_of(groups)
        || strides.contains(&0)
        || dilations.contains(&0)
    {
        return Fault::shape(format!(
            "weight {ws:?}, {groups} groups, strides {strides:?}"
        ));
    }
    let mut spread = x;
    for (axis, &stride) in strides.iter().enumerate() {
        spread = insert_zeros(cx, spread, axis + 2, stride)?;
    }
    // Rows that the padding of a transposed convolution cuts off are never made.
    let (mut before, mut after) = (vec![0; rank + 2], vec![0; rank + 2]);
    for axis in 0..rank {
        let reach = ws[axis + 2]
            .saturating_sub(1)
            .saturating_mul(dilations[axis]);
        let room = reach.checked_sub(pads[axis]);
        let end = reach
            .saturating_add(extra[axis])
            .checked_sub(pads[axis + rank]);
        let (Some(room), Some(end)) = (room, end) else {
            return Fault::attribute("pads", "they are larger than the kernel");
        };
        (before[axis + 2], after[axis + 2]) = (room, end);
    }
    let padded = cx.emit(
        Op::Pad {
            before,
            after,
            value: 0.0,
        },
        &[spread],
    )?;
    let weight = mirror(cx, w, &ws, groups)?;
    let attrs = ConvAttrs {
        strides: vec![1; rank],
        pads: vec![(0, 0); rank],
        dilations,
        groups,
    };
    let y = cx.emit(Op::Conv(attrs), &[padded, weight])?;
    let Some(bias) = cx.opt(2) else {
        return Ok(vec![y]);
    };
    let mut aligned = vec![1; rank + 1];
    aligned[0] = ws[1] * groups;
    let bias = cx.reshape(bias, &aligned)?;
    Ok(vec![cx.binary(Binary::Add, y, bias)?])
}

/// Puts `stride - 1` zeros between neighbours on an axis.
fn insert_zeros(cx: &mut Cx<'_>, x: ValueId, axis: usize, stride: usize) -> OpResult<ValueId> {
    if stride == 1 {
        return Ok(x);
    }
    let mut shape = cx.shape(x);
    let dim = shape[axis];
    let mut split = shape.clone();
    split.insert(axis + 1, 1);
    let x = cx.reshape(x, &split)?;
    let mut after = vec![0; split.len()];
    after[axis + 1] = stride - 1;
    let x = cx.emit(
        Op::Pad {
            before: vec![0; split.len()],
            after,
            value: 0.0,
        },
        &[x],
    )?;
    shape[axis] = dim.saturating_mul(stride);
    let x = cx.reshape(x, &shape)?;
    cx.part(x, axis, 0, (dim - 1) * stride + 1)
}

/// `[C, O / groups, kernel..]` to `[O, C / groups, kernel..]`, the kernel reversed.
fn mirror(cx: &mut Cx<'_>, w: ValueId, ws: &[usize], groups: usize) -> OpResult<ValueId> {
    let kernel = &ws[2..];
    let mut starts = vec![0; ws.len()];
    let mut steps = vec![1; ws.len()];
    for axis in 2..ws.len() {
        (starts[axis], steps[axis]) = (ws[axis].saturating_sub(1), -1);
    }
    let sizes = ws.to_vec();
    let reversed = cx.emit(
        Op::Slice {
            starts,
            sizes,
            steps,
        },
        &[w],
    )?;
    let grouped = [&[groups, ws[0] / groups, ws[1]], kernel].concat();
    let grouped = cx.reshape(reversed, &grouped)?;
    let mut perm: Vec<usize> = (0..ws.len() + 1).collect();
    perm.swap(1, 2);
    let swapped = cx.transpose(grouped, &perm)?;
    cx.reshape(
        swapped,
        &[&[ws[1] * groups, ws[0] / groups], kernel].concat(),
    )
}
