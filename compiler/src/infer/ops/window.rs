//! What convolution and pooling share: the window and its positions.

use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId, windows};

/// Most elements of windows that are copied.
pub(super) const MOST_CELLS: usize = 1 << 28;

/// A window, one entry per spatial axis.
pub(super) struct Window {
    pub(super) kernel: Vec<usize>,
    pub(super) strides: Vec<usize>,
    pub(super) dilations: Vec<usize>,
    /// Before and after.
    pub(super) pads: Vec<(usize, usize)>,
    /// Number of positions.
    pub(super) out: Vec<usize>,
}

/// A list of numbers that are not negative, or a default for each place.
pub(super) fn list(cx: &Cx<'_>, name: &str, len: usize, default: usize) -> OpResult<Vec<usize>> {
    let Some(values) = cx.ints(name)? else {
        return Ok(vec![default; len]);
    };
    let numbers = values
        .iter()
        .map(|&v| usize::try_from(v).ok().filter(|&v| v < 1 << 24));
    match numbers.collect::<Option<Vec<_>>>() {
        Some(numbers) if numbers.len() == len => Ok(numbers),
        _ => Fault::attribute(
            name,
            format!("{values:?}, expected {len} numbers from 0 to 2^24"),
        ),
    }
}

impl Window {
    /// Reads the attributes for an input `x` of shape `[N, C, spatial..]`.
    pub(super) fn read(cx: &Cx<'_>, x: ValueId, weight: Option<&[usize]>) -> OpResult<Self> {
        let shape = cx.shape(x);
        if shape.len() < 3 || shape.contains(&0) {
            return Fault::shape(format!(
                "input {shape:?}, expected samples, channels, positions"
            ));
        }
        let spatial = &shape[2..];
        let rank = spatial.len();
        let kernel = match (cx.ints("kernel_shape")?, weight) {
            (None, Some(weight)) => weight.to_vec(),
            (None, None) => return Fault::attribute("kernel_shape", "it is missing"),
            (Some(_), _) => list(cx, "kernel_shape", rank, 1)?,
        };
        if weight.is_some_and(|weight| weight != kernel)
            || kernel.contains(&0)
            || kernel.len() != rank
        {
            return Fault::attribute("kernel_shape", format!("{kernel:?} for {shape:?}"));
        }
        let strides = list(cx, "strides", rank, 1)?;
        let dilations = list(cx, "dilations", rank, 1)?;
        if strides.contains(&0) || dilations.contains(&0) {
            return Fault::attribute("strides", "a stride or dilation is 0");
        }
        let reach: Vec<usize> = (0..rank)
            .map(|axis| (kernel[axis] - 1) * dilations[axis] + 1)
            .collect();
        let mut pads = pads(cx, spatial, &reach, &strides)?;
        if cx.int("ceil_mode")?.is_some() && cx.flag("ceil_mode", false)? {
            for axis in 0..rank {
                pads[axis].1 += ceil_excess(spatial[axis], reach[axis], strides[axis], pads[axis]);
            }
        }
        let mut out = Vec::with_capacity(rank);
        for axis in 0..rank {
            let made = windows(
                spatial[axis],
                kernel[axis],
                strides[axis],
                pads[axis],
                dilations[axis],
            );
            let Some(made) = made else {
                return Fault::shape(format!("a window {kernel:?} does not fit {shape:?}"));
            };
            out.push(made);
        }
        // A pool copies its windows; a convolution does not.
        let mut cells = kernel.iter().chain(&out);
        let cells = cells.try_fold(1_usize, |acc, &dim| acc.checked_mul(dim));
        if weight.is_none() && cells.is_none_or(|cells| cells > MOST_CELLS) {
            return Fault::shape("windows of more than 2^28 elements");
        }
        Ok(Self {
            kernel,
            strides,
            dilations,
            pads,
            out,
        })
    }

    /// Shape of a pooled tensor.
    pub(super) fn output(&self, x: &[usize]) -> Vec<usize> {
        [&x[..2], &self.out].concat()
    }

    /// Pads that are less than the reach of the kernel, which a convolution takes itself.
    pub(super) fn inner_pads(&self) -> Vec<(usize, usize)> {
        self.split().into_iter().map(|(inner, _)| inner).collect()
    }

    /// Pads the input by what is left.
    pub(super) fn excess(&self, cx: &mut Cx<'_>, x: ValueId) -> OpResult<ValueId> {
        let outer: Vec<(usize, usize)> = self.split().into_iter().map(|(_, outer)| outer).collect();
        pad(cx, x, &outer, 0.0)
    }

    fn split(&self) -> Vec<((usize, usize), (usize, usize))> {
        let axes = self.pads.iter().zip(&self.kernel).zip(&self.dilations);
        let each = axes.map(|((&(before, after), kernel), dilation)| {
            let most = (kernel - 1) * dilation;
            let inner = (before.min(most), after.min(most));
            (inner, (before - inner.0, after - inner.1))
        });
        each.collect()
    }

    /// For each position, how many taps of the window lie inside the input.
    pub(super) fn counts(&self, spatial: &[usize]) -> Vec<usize> {
        let mut counts = vec![1];
        for (axis, &dim) in spatial.iter().enumerate() {
            let inside = (0..self.out[axis]).map(|at| {
                let taps = (0..self.kernel[axis]).filter(|tap| {
                    let place = at * self.strides[axis] + tap * self.dilations[axis];
                    place
                        .checked_sub(self.pads[axis].0)
                        .is_some_and(|place| place < dim)
                });
                taps.count()
            });
            let inside: Vec<usize> = inside.collect();
            let rows = counts.iter();
            counts = rows
                .flat_map(|&row| inside.iter().map(move |&own| row * own))
                .collect();
        }
        counts
    }

    /// Elements of the padded plane in each window, position by position.
    fn indices(&self, spatial: &[usize]) -> Vec<usize> {
        let mut made = vec![0_usize];
        for (axis, &dim) in spatial.iter().enumerate() {
            made = self.extend(&made, axis, dim + self.pads[axis].0 + self.pads[axis].1);
        }
        made
    }

    /// One axis more: `made` is `[positions.., taps..]` of the axes before it.
    fn extend(&self, made: &[usize], axis: usize, width: usize) -> Vec<usize> {
        let positions: usize = self.out[..axis].iter().product();
        let taps: usize = self.kernel[..axis].iter().product();
        let mut out = Vec::with_capacity(made.len() * self.out[axis] * self.kernel[axis]);
        for (position, at) in (0..positions).flat_map(|p| (0..self.out[axis]).map(move |a| (p, a)))
        {
            for (tap, own) in (0..taps).flat_map(|t| (0..self.kernel[axis]).map(move |o| (t, o))) {
                let place = at * self.strides[axis] + own * self.dilations[axis];
                out.push(made[position * taps + tap] * width + place);
            }
        }
        out
    }
}

/// All windows of `x`: `[N, C, positions.., taps]`.
pub(super) fn gather(
    cx: &mut Cx<'_>,
    x: ValueId,
    window: &Window,
    value: f32,
) -> OpResult<ValueId> {
    let shape = cx.shape(x);
    let (outer, spatial) = shape.split_at(2);
    let taps: usize = window.kernel.iter().product();
    let padded = pad(cx, x, &window.pads, value)?;
    let area: usize = cx.shape(padded)[2..].iter().product();
    let flat = cx.reshape(padded, &[outer, &[area]].concat())?;
    let indices = window.indices(spatial);
    let picked = cx.emit(Op::Gather { axis: 2, indices }, &[flat])?;
    cx.reshape(picked, &[outer, &window.out, &[taps]].concat())
}

/// Pads the spatial axes.
fn pad(cx: &mut Cx<'_>, x: ValueId, pads: &[(usize, usize)], value: f32) -> OpResult<ValueId> {
    if pads.iter().all(|&pad| pad == (0, 0)) {
        return Ok(x);
    }
    let side = |part: fn(&(usize, usize)) -> usize| {
        [0, 0].into_iter().chain(pads.iter().map(part)).collect()
    };
    let op = Op::Pad {
        before: side(|pad| pad.0),
        after: side(|pad| pad.1),
        value,
    };
    cx.emit(op, &[x])
}

fn pads(
    cx: &Cx<'_>,
    spatial: &[usize],
    reach: &[usize],
    strides: &[usize],
) -> OpResult<Vec<(usize, usize)>> {
    let rank = spatial.len();
    let auto = cx.text("auto_pad", "NOTSET")?;
    let same = |upper: bool| {
        let each = (0..rank).map(|axis| {
            let out = spatial[axis].div_ceil(strides[axis]);
            let total = ((out - 1) * strides[axis] + reach[axis]).saturating_sub(spatial[axis]);
            let (less, more) = (total / 2, total - total / 2);
            if upper { (less, more) } else { (more, less) }
        });
        each.collect()
    };
    match auto.as_str() {
        "NOTSET" | "" => {
            let pads = list(cx, "pads", 2 * rank, 0)?;
            Ok((0..rank)
                .map(|axis| (pads[axis], pads[axis + rank]))
                .collect())
        }
        "VALID" => Ok(vec![(0, 0); rank]),
        "SAME_UPPER" => Ok(same(true)),
        "SAME_LOWER" => Ok(same(false)),
        _ => Fault::attribute("auto_pad", format!("{auto:?}")),
    }
}

/// Padding at the end that makes room for one window more; such a window starts inside of the input
/// or the padding before it.
fn ceil_excess(dim: usize, reach: usize, stride: usize, (before, after): (usize, usize)) -> usize {
    let Some(room) = (dim + before + after).checked_sub(reach) else {
        return 0;
    };
    let rest = room % stride;
    let next = room - rest + stride;
    if rest == 0 || next >= dim + before {
        return 0;
    }
    stride - rest
}
