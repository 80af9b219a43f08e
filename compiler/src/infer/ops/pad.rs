//! [Pad](https://onnx.ai/onnx/operators/onnx__Pad.html): a constant around the operand, or its own elements mirrored, repeated or wrapped.
//!
//! Since opset 11 pads and value are inputs; 18 added `axes`, 19 the mode `wrap`.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Pad",
    since: &[11, 13, 18, 19, 21, 23, 24, 25],
    inputs: (2, 4),
    attrs: &["mode"],
    limits: "constant pads and value",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    let pads = cx.const_ints(1, "pads")?.unwrap_or_default();
    let value = cx.const_float(2, "value")?.unwrap_or(0.0);
    let axes = match cx.const_ints(3, "axes")? {
        Some(axes) => {
            let axes = axes.iter().map(|&axis| cx.axis(axis, shape.len()));
            axes.collect::<OpResult<Vec<_>>>()?
        }
        None => (0..shape.len()).collect(),
    };
    if pads.len() != 2 * axes.len() {
        return Fault::shape(format!("{} pads for {} axes", pads.len(), axes.len()));
    }
    let (mut before, mut after) = (vec![0_i64; shape.len()], vec![0_i64; shape.len()]);
    for (at, &axis) in axes.iter().enumerate() {
        (before[axis], after[axis]) = (pads[at], pads[at + axes.len()]);
    }
    // Negative pads cut elements off.
    let mut out = x;
    for axis in 0..shape.len() {
        let (cut, end) = (
            before[axis].min(0).unsigned_abs(),
            after[axis].min(0).unsigned_abs(),
        );
        let left = (shape[axis] as u64)
            .checked_sub(cut)
            .and_then(|n| n.checked_sub(end));
        let Some(left) = left else {
            return Fault::shape("pads cut off more than there is");
        };
        out = cx.part(out, axis, cut as usize, left as usize)?;
    }
    let positive = |pads: &[i64]| {
        pads.iter()
            .map(|&pad| pad.max(0) as usize)
            .collect::<Vec<_>>()
    };
    let (before, after) = (positive(&before), positive(&after));
    if before.iter().chain(&after).all(|&pad| pad == 0) {
        return Ok(vec![out]);
    }
    let mode = cx.text("mode", "constant")?;
    if mode == "constant" {
        let value = value as f32;
        return Ok(vec![cx.emit(
            Op::Pad {
                before,
                after,
                value,
            },
            &[out],
        )?]);
    }
    for axis in 0..shape.len() {
        if before[axis] + after[axis] > 0 {
            out = own_elements(cx, out, axis, (before[axis], after[axis]), &mode)?;
        }
    }
    Ok(vec![out])
}

/// Pads one axis with elements of the operand.
fn own_elements(
    cx: &mut Cx<'_>,
    x: ValueId,
    axis: usize,
    (before, after): (usize, usize),
    mode: &str,
) -> OpResult<ValueId> {
    let dim = cx.shape(x)[axis] as i64;
    let (before, after) = (before as i64, after as i64);
    let limit = if mode == "reflect" {
        dim - 1
    } else {
        i64::from(i32::MAX)
    };
    if dim == 0 || before > limit || after > limit {
        return Fault::shape(format!("pads ({before}, {after}) of an axis of {dim}"));
    }
    let source = |at: i64| match mode {
        "reflect" if at < 0 => -at,
        "reflect" if at >= dim => 2 * (dim - 1) - at,
        "edge" => at.clamp(0, dim - 1),
        "wrap" => at.rem_euclid(dim),
        _ => at,
    };
    if !["reflect", "edge", "wrap"].contains(&mode) {
        return Fault::attribute("mode", format!("{mode:?}"));
    }
    if before + after + dim > 1 << 28 {
        return Fault::shape("pads that are too large");
    }
    let indices = (-before..dim + after)
        .map(|at| source(at) as usize)
        .collect();
    cx.emit(Op::Gather { axis, indices }, &[x])
}
