//! [Resize](https://onnx.ai/onnx/operators/onnx__Resize.html): interpolation by constant scales or sizes.
//!
//! Nearest neighbours are a view. Linear and cubic interpolation is a product with a matrix of
//! constants along each axis.
//!
//! Opset 11 has the region of interest as second input; 18 added axes and anti-aliasing.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};
use crate::infer::tensor::Tensor;

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
    limits: "half_pixel, asymmetric, align_corners or pytorch_half_pixel; no antialias",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let mut x = cx.x(0)?;
    let mode = Mode::read(cx)?;
    let shape = cx.shape(x);
    if shape.contains(&0) {
        return Fault::shape("an empty tensor");
    }
    let (sizes, scales) = targets(cx, &shape)?;
    let transform = cx.text("coordinate_transformation_mode", "half_pixel")?;
    for axis in 0..shape.len() {
        if sizes[axis] == shape[axis] && scales[axis] == 1.0 {
            continue;
        }
        // By definition not rounded, other than the size of the result.
        let (from, to) = (shape[axis] as f64, shape[axis] as f64 * scales[axis]);
        let mut places = Vec::with_capacity(sizes[axis]);
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
                        format!("{other:?}"),
                    );
                }
            };
            places.push(place);
        }
        x = match mode {
            Mode::Nearest(round) => {
                let indices = places
                    .iter()
                    .map(|&place| clamped(round(place), shape[axis]));
                let indices = indices.collect();
                cx.emit(Op::Gather { axis, indices }, &[x])?
            }
            _ => {
                let weights = (places.len() as u64).saturating_mul(shape[axis] as u64);
                let most = cx.flow.budget.value;
                if weights > most {
                    let what = "weights of an interpolation".to_owned();
                    return Err(Fault::TooLarge(what, weights, most));
                }
                mixed(cx, x, axis, &mode.matrix(&places, shape[axis]))?
            }
        };
    }
    Ok(vec![x])
}

/// How a value between elements is made.
#[derive(Debug, Clone, Copy)]
enum Mode {
    /// The element at a rounded place.
    Nearest(fn(f64) -> f64),
    /// Two neighbours.
    Linear { inside: bool },
    /// Four neighbours, with the coefficient `a`.
    Cubic { a: f64, inside: bool },
}

impl Mode {
    fn read(cx: &Cx<'_>) -> OpResult<Self> {
        // Neighbours outside of the tensor count nothing, instead of being those at its ends.
        let inside = cx.flag("exclude_outside", false)?;
        let nearest = cx.text("nearest_mode", "round_prefer_floor")?;
        match cx.text("mode", "nearest")?.as_str() {
            "nearest" => Ok(Self::Nearest(match nearest.as_str() {
                "round_prefer_floor" => |place| (place - 0.5).ceil(),
                "round_prefer_ceil" => |place| (place + 0.5).floor(),
                "floor" => f64::floor,
                "ceil" => f64::ceil,
                other => return Fault::attribute("nearest_mode", format!("{other:?}")),
            })),
            "linear" => Ok(Self::Linear { inside }),
            "cubic" => Ok(Self::Cubic {
                a: cx.float("cubic_coeff_a", -0.75)?,
                inside,
            }),
            other => Fault::attribute("mode", format!("{other:?}")),
        }
    }

    /// What each place takes of each element: `[from, places]`.
    fn matrix(self, places: &[f64], from: usize) -> Vec<f32> {
        let mut matrix = vec![0.0; from * places.len()];
        for (column, &place) in places.iter().enumerate() {
            let taps = self.taps(place);
            let counts = |at: f64| !self.is_inside() || (at >= 0.0 && at < from as f64);
            let total: f64 = taps
                .iter()
                .filter(|tap| counts(tap.0))
                .map(|tap| tap.1)
                .sum();
            for &(at, weight) in taps.iter().filter(|tap| counts(tap.0)) {
                matrix[clamped(at, from) * places.len() + column] += weight / total;
            }
        }
        matrix.into_iter().map(|weight| weight as f32).collect()
    }

    fn is_inside(self) -> bool {
        matches!(
            self,
            Self::Linear { inside: true } | Self::Cubic { inside: true, .. }
        )
    }

    /// Neighbours of a place and their weights, which add up to 1.
    fn taps(self, place: f64) -> Vec<(f64, f64)> {
        let left = place.floor();
        let t = place - left;
        let Self::Cubic { a, .. } = self else {
            return vec![(left, 1.0 - t), (left + 1.0, t)];
        };
        let near = |d: f64| ((a + 2.0) * d - (a + 3.0)) * d * d + 1.0;
        let far = |d: f64| ((a * d - 5.0 * a) * d + 8.0 * a) * d - 4.0 * a;
        vec![
            (left - 1.0, far(1.0 + t)),
            (left, near(t)),
            (left + 1.0, near(1.0 - t)),
            (left + 2.0, far(2.0 - t)),
        ]
    }
}

fn clamped(place: f64, from: usize) -> usize {
    place.clamp(0.0, from as f64 - 1.0) as usize
}

/// The product of an axis with a matrix.
fn mixed(cx: &mut Cx<'_>, x: ValueId, axis: usize, matrix: &[f32]) -> OpResult<ValueId> {
    let rank = cx.shape(x).len();
    let mut perm: Vec<usize> = (0..rank).collect();
    perm.swap(axis, rank - 1);
    let from = cx.shape(x)[axis];
    let matrix = Tensor::made(&[from, matrix.len() / from], matrix.to_vec())?;
    let matrix = cx.make(matrix)?;
    let turned = cx.transpose(x, &perm)?;
    let rows = cx.shape(turned)[..rank - 1].iter().product();
    let flat = cx.reshape(turned, &[rows, from])?;
    let made = cx.emit(Op::MatMul, &[flat, matrix])?;
    let mut shape = cx.shape(turned);
    shape[rank - 1] = cx.shape(made)[1];
    let made = cx.reshape(made, &shape)?;
    cx.transpose(made, &perm)
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
