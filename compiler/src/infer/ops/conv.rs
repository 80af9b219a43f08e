//! [Conv](https://onnx.ai/onnx/operators/onnx__Conv.html): cross-correlation with strides, pads, dilations and groups.
//!
//! Over one or two axes with constant weights a contraction of its own; otherwise a product of
//! matrices, for which the windows are copied.

use super::Operator;
use super::window::{MOST_CELLS, Window, gather};
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ConvAttrs, Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Conv",
    since: &[11, 22],
    inputs: (2, 3),
    attrs: &[
        "auto_pad",
        "dilations",
        "group",
        "kernel_shape",
        "pads",
        "strides",
    ],
    limits: "windows are copied, kernel times the input, with three or more spatial axes or weights that depend on the input; constant bias",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, w) = (cx.x(0)?, cx.x(1)?);
    let shape = cx.shape(w);
    // A file without weight values has them as inputs.
    if matches!(cx.flow.values[w].op, Op::Input(_)) {
        cx.stored(1, "weight")?;
    }
    if shape.len() < 3 {
        return Fault::shape(format!("weight {shape:?}"));
    }
    let window = Window::read(cx, x, Some(&shape[2..]))?;
    let group = cx.int("group")?.unwrap_or(1);
    let groups = match usize::try_from(group) {
        Ok(groups) if groups > 0 => groups,
        _ => return Fault::attribute("group", format!("{group}")),
    };
    let bias = match cx.opt(2) {
        None => None,
        Some(bias) => {
            cx.stored(2, "bias")?;
            if cx.shape(bias) != [shape[0]] {
                let found = cx.shape(bias);
                return Fault::shape(format!("bias {found:?}, expected [{}]", shape[0]));
            }
            Some(bias)
        }
    };
    if shape.len() > 4 || !cx.flow.is_constant(w) {
        return Ok(vec![by_windows(cx, &window, groups, bias)?]);
    }
    let x = window.excess(cx, x)?;
    let attrs = ConvAttrs {
        strides: window.strides.clone(),
        pads: window.inner_pads(),
        dilations: window.dilations.clone(),
        groups,
    };
    let y = cx.emit(Op::Conv(attrs), &[x, w])?;
    let Some(bias) = bias else {
        return Ok(vec![y]);
    };
    let mut aligned = vec![1; shape.len() - 1];
    aligned[0] = shape[0];
    let bias = cx.reshape(bias, &aligned)?;
    Ok(vec![cx.binary(Binary::Add, y, bias)?])
}

/// For each group, its windows as rows times its weights as columns.
fn by_windows(
    cx: &mut Cx<'_>,
    window: &Window,
    groups: usize,
    bias: Option<ValueId>,
) -> OpResult<ValueId> {
    let (x, w) = (cx.x(0)?, cx.x(1)?);
    let (shape, weight) = (cx.shape(x), cx.shape(w));
    let (outputs, depth) = (weight[0], weight[1]);
    if depth.checked_mul(groups) != Some(shape[1]) || !outputs.is_multiple_of(groups) {
        return Fault::shape(format!(
            "input {shape:?}, weight {weight:?}, {groups} groups"
        ));
    }
    let [positions, taps] =
        [&window.out, &window.kernel].map(|dims| dims.iter().product::<usize>());
    let mut cells = shape[..2].iter().chain([&positions, &taps]);
    let cells = cells.try_fold(1_usize, |acc, &dim| acc.checked_mul(dim));
    if cells.is_none_or(|cells| cells > MOST_CELLS) {
        return Fault::shape("windows of more than 2^28 elements");
    }
    let windows = gather(cx, x, window, 0.0)?;
    let windows = cx.reshape(windows, &[shape[0], shape[1], positions, taps])?;
    let windows = cx.transpose(windows, &[0, 2, 1, 3])?;
    let width = outputs / groups;
    let mut parts = Vec::with_capacity(groups);
    for group in 0..groups {
        let rows = cx.part(windows, 2, group * depth, depth)?;
        let rows = cx.reshape(rows, &[shape[0] * positions, depth * taps])?;
        let columns = cx.part(w, 0, group * width, width)?;
        let columns = cx.reshape(columns, &[width, depth * taps])?;
        let columns = cx.swap(columns)?;
        let mut part = cx.emit(Op::MatMul, &[rows, columns])?;
        if let Some(bias) = bias {
            let bias = cx.part(bias, 0, group * width, width)?;
            part = cx.binary(Binary::Add, part, bias)?;
        }
        let part = cx.reshape(part, &[shape[0], positions, width])?;
        parts.push(cx.transpose(part, &[0, 2, 1])?);
    }
    let all = match parts.as_slice() {
        [part] => *part,
        parts => cx.emit(Op::Concat(1), parts)?,
    };
    cx.reshape(all, &[&[shape[0], outputs], window.out.as_slice()].concat())
}
