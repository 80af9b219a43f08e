//! [MaxPool](https://onnx.ai/onnx/operators/onnx__MaxPool.html): greatest element of each window; padding is less than everything.
//!
//! Opset 12 added integer types. The second output (indices) is not supported.

use super::Operator;
use super::window::{Window, gather};
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "MaxPool",
    since: &[11, 12, 22],
    inputs: (1, 1),
    attrs: &[
        "auto_pad",
        "ceil_mode",
        "dilations",
        "kernel_shape",
        "pads",
        "storage_order",
        "strides",
    ],
    limits: "no indices",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let window = Window::read(cx, x, None)?;
    if window.counts(&cx.shape(x)[2..]).contains(&0) {
        return Fault::shape("a window lies in the padding only");
    }
    let windows = gather(cx, x, &window, f32::NEG_INFINITY)?;
    let top = cx.emit(Op::ReduceMax, &[windows])?;
    let made = window.output(&cx.shape(x));
    Ok(vec![cx.reshape(top, &made)?])
}
