//! [AveragePool](https://onnx.ai/onnx/operators/onnx__AveragePool.html): mean of each window.
//!
//! Opset 19 added dilations. Windows over padding count the padding only with `count_include_pad`.

use super::Operator;
use super::window::{Window, gather};
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Op, ValueId};
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "AveragePool",
    since: &[11, 19, 22],
    inputs: (1, 1),
    attrs: &[
        "auto_pad",
        "ceil_mode",
        "count_include_pad",
        "dilations",
        "kernel_shape",
        "pads",
        "strides",
    ],
    limits: "ceil_mode together with count_include_pad is refused",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let window = Window::read(cx, x, None)?;
    let include = cx.flag("count_include_pad", false)?;
    if include && cx.flag("ceil_mode", false)? {
        return Fault::attribute("ceil_mode", "not together with count_include_pad");
    }
    let windows = gather(cx, x, &window, 0.0)?;
    let sum = cx.emit(Op::ReduceSum, &[windows])?;
    let made = window.output(&cx.shape(x));
    let counts = window.counts(&cx.shape(x)[2..]);
    let full = window.kernel.iter().product::<usize>();
    if include || counts.iter().all(|&count| count == full) {
        let mean = cx.scale(sum, 1.0 / full as f64)?;
        return Ok(vec![cx.reshape(mean, &made)?]);
    }
    if counts.contains(&0) {
        return Fault::shape("a window lies in the padding only");
    }
    let sum = cx.reshape(sum, &made)?;
    let factors = counts.iter().map(|&count| 1.0 / count as f32).collect();
    let factors = cx.make(Tensor::made(&made[2..], factors)?)?;
    Ok(vec![cx.binary(Binary::Mul, sum, factors)?])
}
