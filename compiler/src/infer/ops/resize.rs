//! [Resize](https://onnx.ai/onnx/operators/onnx__Resize.html): nearest neighbours, by constant scales or sizes.
//!
//! Opset 11 has the region of interest as second input; 18 added axes and anti-aliasing.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Resize",
    since: &[11, 13, 18, 19],
    inputs: (1, 4),
    attrs: &[
        "axes",
        "coordinate_transformation_mode",
        "cubic_coeff_a",
        "exclude_outside",
        "extrapolation_value",
        "mode",
        "nearest_mode",
    ],
    limits: "mode nearest; half_pixel, asymmetric, align_corners or pytorch_half_pixel",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let mut x = cx.x(0)?;
    let mode = cx.text("mode", "nearest")?;
    if mode != "nearest" {
        return Fault::attribute("mode", format!("`{mode}`, expected `nearest`"));
    }
    let shape = cx.shape(x);
    if shape.contains(&0) {
        return Fault::shape("an empty tensor");
    }
    let (sizes, scales) = targets(cx, &shape)?;
    let transform = cx.text("coordinate_transformation_mode", "half_pixel")?;
    let nearest = cx.text("nearest_mode", "round_prefer_floor")?;
    for axis in 0..shape.len() {
        if sizes[axis] == shape[axis] && scales[axis] == 1.0 {
            continue;
        }
        let (from, to) = (shape[axis] as f64, sizes[axis] as f64);
        let mut indices = Vec::with_capacity(sizes[axis]);
        for at in 0..sizes[axis] {
            let at = at as f64;
            let place = match transform.as_str() {
                "half_pixel" => (at + 0.5) / scales[axis] - 0.5,
                "pytorch_half_pixel" if to <= 1.0 => 0.0,
                "pytorch_half_pixel" => (at + 0.5) / scales[axis] - 0.5,
                "asymmetric" => at / scales[axis],
                "align_corners" if to <= 1.0 => 0.0,
                "align_corners" => at * (from - 1.0) / (to - 1.0),
                other => {
                    return Fault::attribute(
                        "coordinate_transformation_mode",
                        format!("`{other}`"),
                    );
                }
            };
            let place = match nearest.as_str() {
                "round_prefer_floor" => (place - 0.5).ceil(),
                "round_prefer_ceil" => (place + 0.5).floor(),
                "floor" => place.floor(),
                "ceil" => place.ceil(),
                other => return Fault::attribute("nearest_mode", format!("`{other}`")),
            };
            indices.push(place.clamp(0.0, from - 1.0) as usize);
        }
        x = cx.emit(Op::Gather { axis, indices }, &[x])?;
    }
    Ok(vec![x])
}

/// Sizes of the result and scales, per axis.
fn targets(cx: &mut Cx<'_>, shape: &[usize]) -> OpResult<(Vec<usize>, Vec<f64>)> {
    let Some(axes) = cx.ints("axes")? else {
        return given(cx, shape);
    };
    let axes = axes.iter().map(|&axis| cx.axis(axis, shape.len()));
    let axes = axes.collect::<OpResult<Vec<usize>>>()?;
    let named: Vec<usize> = axes.iter().map(|&axis| shape[axis]).collect();
    let (own_sizes, own_scales) = given(cx, &named)?;
    let (mut sizes, mut scales) = (shape.to_vec(), vec![1.0; shape.len()]);
    for (at, &axis) in axes.iter().enumerate() {
        (sizes[axis], scales[axis]) = (own_sizes[at], own_scales[at]);
    }
    Ok((sizes, scales))
}

/// As the inputs give them, for the axes that they are for.
fn given(cx: &Cx<'_>, shape: &[usize]) -> OpResult<(Vec<usize>, Vec<f64>)> {
    if let Some(sizes) = cx.const_ints(3, "sizes")? {
        let sizes = sizes.iter().map(|&size| usize::try_from(size).unwrap_or(0));
        let sizes: Vec<usize> = sizes.collect();
        if sizes.len() != shape.len() || sizes.iter().any(|&size| size == 0 || size > 1 << 24) {
            return Fault::shape(format!("sizes {sizes:?} for {shape:?}"));
        }
        let scales = sizes
            .iter()
            .zip(shape)
            .map(|(&to, &from)| to as f64 / from as f64);
        let scales = scales.collect();
        return Ok((sizes, scales));
    }
    let scales = cx.constant(2, "scales")?.to_floats();
    let scales: Vec<f64> = scales.into_iter().map(f64::from).collect();
    if scales.len() != shape.len() || !scales.iter().all(|&s| s > 0.0 && s <= 1024.0) {
        return Fault::shape(format!("scales {scales:?} for {shape:?}"));
    }
    let sizes = scales
        .iter()
        .zip(shape)
        .map(|(&by, &from)| (from as f64 * by).floor() as usize);
    let sizes: Vec<usize> = sizes.collect();
    if sizes.iter().any(|&size| size == 0 || size > 1 << 24) {
        return Fault::shape(format!("sizes {sizes:?}"));
    }
    Ok((sizes, scales))
}
