//! [Conv](https://onnx.ai/onnx/operators/onnx__Conv.html): cross-correlation with strides, pads, dilations and groups.

use super::Operator;
use super::window::Window;
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
    limits: "one or two spatial axes, constant weight",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, w) = (cx.x(0)?, cx.x(1)?);
    cx.constant(1, "weight")?;
    let shape = cx.shape(w);
    if shape.len() < 3 {
        return Fault::shape(format!("weight {shape:?}"));
    }
    let window = Window::read(cx, x, Some(&shape[2..]))?;
    let group = cx.int("group")?.unwrap_or(1);
    let Ok(groups) = usize::try_from(group) else {
        return Fault::attribute("group", format!("{group}"));
    };
    let x = window.excess(cx, x)?;
    let attrs = ConvAttrs {
        strides: window.strides.clone(),
        pads: window.inner_pads(),
        dilations: window.dilations.clone(),
        groups,
    };
    let y = cx.emit(Op::Conv(attrs), &[x, w])?;
    let Some(bias) = cx.opt(2) else {
        return Ok(vec![y]);
    };
    cx.constant(2, "bias")?;
    if cx.shape(bias) != [shape[0]] {
        return Fault::shape(format!(
            "bias {:?}, expected [{}]",
            cx.shape(bias),
            shape[0]
        ));
    }
    let mut aligned = vec![1; shape.len() - 1];
    aligned[0] = shape[0];
    let bias = cx.reshape(bias, &aligned)?;
    Ok(vec![cx.binary(Binary::Add, y, bias)?])
}
