//! Convolutions in one and two dimensions.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::graph::TensorInfo;
use crate::interval::Interval;
use crate::op::Conv;
use crate::ops::lanes::{Lane, dot_block};
use crate::range::WIDE_BITS;
use crate::shape::{dimension, equal, size, within};
use crate::values::Slice;
use rayon::prelude::*;

/// Output positions that one task computes.
pub(crate) const POSITIONS: usize = 64;

/// One spatial axis.
#[derive(Debug, Clone, Copy)]
struct Axis {
    size: usize,
    kernel: usize,
    stride: usize,
    begin: usize,
    dilation: usize,
    out: usize,
}

impl Axis {
    /// An axis of one position.
    const UNIT: Self = Self {
        size: 1,
        kernel: 1,
        stride: 1,
        begin: 0,
        dilation: 1,
        out: 1,
    };

    fn new(
        size: u32,
        kernel: u32,
        stride: u32,
        (begin, end): (u32, u32),
        dilation: u32,
    ) -> Result<Self, Fault> {
        let most = i64::from(u32::MAX);
        within("stride", 1, most, stride.into())?;
        within("dilation", 1, most, dilation.into())?;
        let extent = u64::from(kernel - 1) * u64::from(dilation) + 1;
        // Larger padding would be results that no input reaches.
        let reach = extent as i64 - 1;
        within("padding", 0, reach, begin.into())?;
        within("padding", 0, reach, end.into())?;
        let padded = u64::from(size) + u64::from(begin) + u64::from(end);
        within("extent of the kernel", 1, padded as i64, extent as i64)?;
        let out = (padded - extent) / u64::from(stride) + 1;
        Ok(Self {
            size: size as usize,
            kernel: kernel as usize,
            stride: stride as usize,
            begin: begin as usize,
            dilation: dilation as usize,
            out: dimension(out)? as usize,
        })
    }

    /// Input position under tap `tap` at output `out`, if it is not padding.
    fn at(&self, out: usize, tap: usize) -> Option<usize> {
        let position = out * self.stride + tap * self.dilation;
        position
            .checked_sub(self.begin)
            .filter(|&position| position < self.size)
    }
}

/// The spatial axes of operands whose ranks were checked.
fn axes(op: &Conv, x: &[u32], w: &[u32]) -> Result<Vec<Axis>, Fault> {
    (0..x.len() - 2)
        .map(|i| {
            let (size, kernel) = (x[i + 2], w[i + 2]);
            Axis::new(size, kernel, op.strides[i], op.pads[i], op.dilations[i])
        })
        .collect()
}

pub(crate) fn infer(cx: &Context<'_>, op: &Conv) -> Result<Inferred, Fault> {
    let (x, w) = (cx.matrix(op.x)?, cx.matrix(op.w)?);
    cx.fixed(op.w)?;
    let rank = x.shape.len();
    if !(3..=4).contains(&rank) {
        return Err(Fault::Rank {
            operand: op.x,
            expected: "3 or 4",
            got: rank,
        });
    }
    if w.shape.len() != rank {
        return Err(Fault::Rank {
            operand: op.w,
            expected: "the rank of the first operand",
            got: w.shape.len(),
        });
    }
    let spatial = rank as u64 - 2;
    equal("number of strides", spatial, op.strides.len() as u64)?;
    equal("number of pads", spatial, op.pads.len() as u64)?;
    equal("number of dilations", spatial, op.dilations.len() as u64)?;
    let axes = axes(op, &x.shape, &w.shape)?;
    let (channels, outputs) = (x.shape[1], w.shape[0]);
    within("groups", 1, channels.into(), op.groups.into())?;
    equal("channels beyond whole groups", 0_u64, channels % op.groups)?;
    equal("kernels beyond whole groups", 0_u64, outputs % op.groups)?;
    equal("channels of a group", channels / op.groups, w.shape[1])?;

    let taps = size(&w.shape[1..]) as u64;
    let mut product = Interval::from(x.range).mul(w.range.into());
    if op.pads.iter().any(|&pads| pads != (0, 0)) {
        product = product.with_zero();
    }
    let range = product.times(taps).range(WIDE_BITS)?;
    let mut shape = vec![x.shape[0], outputs];
    shape.extend(axes.iter().map(|axis| axis.out as u32));
    let positions = shape.iter().fold(1_u64, |n, &d| n.saturating_mul(d.into()));
    Ok(Inferred {
        shape,
        range,
        products: positions.saturating_mul(taps),
    })
}

/// A convolution in two dimensions of known sizes.
struct Plan {
    images: usize,
    groups: usize,
    /// Input channels of a group.
    channels: usize,
    /// Output channels of a group.
    outputs: usize,
    y: Axis,
    x: Axis,
}

/// Row-major values of the convolution.
pub(crate) fn eval(
    op: &Conv,
    (x_info, x): (&TensorInfo, Slice<'_>),
    (w_info, w): (&TensorInfo, Slice<'_>),
) -> Vec<i64> {
    let axes = axes(op, &x_info.shape, &w_info.shape).unwrap_or_default();
    let (y_axis, x_axis) = match axes.as_slice() {
        [y, x] => (*y, *x),
        [x] => (Axis::UNIT, *x),
        _ => return Vec::new(),
    };
    let groups = op.groups as usize;
    let plan = Plan {
        images: x_info.shape[0] as usize,
        groups,
        channels: w_info.shape[1] as usize,
        outputs: w_info.shape[0] as usize / groups,
        y: y_axis,
        x: x_axis,
    };
    match dot_block(x_info.range, w_info.range) {
        Some(block) => plan.run::<i16>(x, w, block),
        None => plan.run::<i32>(x, w, usize::MAX),
    }
}

impl Plan {
    /// Input values under all taps of `POSITIONS` output positions at a time, as rows of a matrix;
    /// then products with the kernels' rows.
    fn run<T: Lane>(&self, x: Slice<'_>, w: Slice<'_>, block: usize) -> Vec<i64> {
        let (x, w) = (T::lanes(x), T::lanes(w));
        let positions = self.y.out * self.x.out;
        let chunks = positions.div_ceil(POSITIONS);
        let planes = self.images * self.groups;
        let taps = self.channels * self.y.kernel * self.x.kernel;
        let blocks: Vec<Vec<i64>> = (0..planes * chunks)
            .into_par_iter()
            .map(|task| {
                let (plane, first) = (task / chunks, task % chunks * POSITIONS);
                let count = POSITIONS.min(positions - first);
                let size = self.channels * self.y.size * self.x.size;
                let columns = self.columns(&x[plane * size..][..size], first, count);
                let kernels = &w[plane % self.groups * self.outputs * taps..];
                let mut out = Vec::with_capacity(self.outputs * count);
                for kernel in kernels.chunks_exact(taps).take(self.outputs) {
                    let columns = columns.chunks_exact(taps);
                    out.extend(columns.map(|column| T::dot(kernel, column, block)));
                }
                out
            })
            .collect();
        let mut out = vec![0; planes * self.outputs * positions];
        out.par_chunks_mut(positions)
            .enumerate()
            .for_each(|(row, out)| {
                let (plane, channel) = (row / self.outputs, row % self.outputs);
                for (chunk, out) in out.chunks_mut(POSITIONS).enumerate() {
                    let block = &blocks[plane * chunks + chunk];
                    out.copy_from_slice(&block[channel * out.len()..][..out.len()]);
                }
            });
        out
    }

    /// One row of taps for each of `count` output positions from `first`, in the kernel's order.
    fn columns<T: Lane>(&self, x: &[T], first: usize, count: usize) -> Vec<T> {
        let mut out = Vec::new();
        for position in first..first + count {
            let (row, column) = (position / self.x.out, position % self.x.out);
            for channel in 0..self.channels {
                for tap in 0..self.y.kernel {
                    let line = self.y.at(row, tap).map(|row| {
                        let start = (channel * self.y.size + row) * self.x.size;
                        &x[start..start + self.x.size]
                    });
                    out.extend((0..self.x.kernel).map(|tap| {
                        let at = self.x.at(column, tap);
                        line.zip(at).map_or(T::ZERO, |(line, at)| line[at])
                    }));
                }
            }
        }
        out
    }
}
