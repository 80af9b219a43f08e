//! Maxima and sums over the last axis.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::graph::TensorInfo;
use crate::id::TensorId;
use crate::interval::Interval;
use crate::range::WIDE_BITS;
use crate::values::{Buffer, Slice};

/// Shape of the result, and the length of a row.
fn folded(info: &TensorInfo, x: TensorId) -> Result<(Vec<u32>, u32), Fault> {
    let mut shape = info.shape.clone();
    let last = shape.last_mut().ok_or(Fault::Rank {
        operand: x,
        expected: "at least 1",
        got: 0,
    })?;
    let row = std::mem::replace(last, 1);
    Ok((shape, row))
}

pub(crate) fn infer_max(cx: &Context<'_>, x: TensorId) -> Result<Inferred, Fault> {
    let info = cx.narrow(x)?;
    let (shape, _) = folded(info, x)?;
    Ok(Inferred::new(shape, info.range))
}

pub(crate) fn infer_sum(cx: &Context<'_>, x: TensorId) -> Result<Inferred, Fault> {
    let info = cx.stored(x)?;
    let (shape, row) = folded(info, x)?;
    let range = Interval::from(info.range).times(row.into());
    Ok(Inferred::new(shape, range.range(WIDE_BITS)?))
}

pub(crate) fn eval_max(x: Slice<'_>, rows: usize) -> Buffer {
    let row = x.len() / rows;
    Buffer::fill(rows, true, |i| {
        let values = (i * row..(i + 1) * row).map(|j| x.at(j));
        values.max().unwrap_or_default()
    })
}

pub(crate) fn eval_sum(x: Slice<'_>, rows: usize, small: bool) -> Buffer {
    let row = x.len() / rows;
    Buffer::fill(rows, small, |i| {
        (i * row..(i + 1) * row).map(|j| x.at(j)).sum()
    })
}
