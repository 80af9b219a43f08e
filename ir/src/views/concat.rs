//! Operands after each other along an axis.

use super::Source;
use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::id::TensorId;
use crate::range::Range;
use crate::shape::{dimension, equal, size, within};

/// The result as rows, of which each operand has a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConcatMap {
    rows: usize,
    /// Operand, and where its part of a row ends; each part is not empty.
    parts: Vec<(TensorId, usize)>,
}

impl ConcatMap {
    pub(crate) fn new<'a>(
        pieces: impl Iterator<Item = (TensorId, &'a [u32])>,
        axis: usize,
    ) -> Self {
        let (mut rows, mut end, mut parts) = (1, 0, Vec::new());
        for (x, shape) in pieces {
            let (outer, inner) = shape.split_at(axis);
            rows = size(outer);
            end += size(inner);
            parts.push((x, end));
        }
        Self { rows, parts }
    }

    /// Number of rows, and each operand with the end of its part of a row.
    pub fn rows(&self) -> (usize, &[(TensorId, usize)]) {
        (self.rows, &self.parts)
    }

    fn row(&self) -> usize {
        self.parts.last().map_or(0, |&(_, end)| end)
    }

    pub(crate) fn len(&self) -> usize {
        self.rows * self.row()
    }

    pub(crate) fn source(&self, i: usize) -> Source {
        let (row, column) = (i / self.row(), i % self.row());
        let part = self.parts.partition_point(|&(_, end)| end <= column);
        let start = part.checked_sub(1).map_or(0, |before| self.parts[before].1);
        let (tensor, end) = self.parts[part];
        Source::Element {
            tensor,
            index: row * (end - start) + column - start,
        }
    }
}

pub(crate) fn infer(cx: &Context<'_>, xs: &[TensorId], axis: u32) -> Result<Inferred, Fault> {
    let Some((&first, others)) = xs.split_first() else {
        return Err(Fault::Mismatch {
            what: "operands, at least",
            expected: 1,
            got: 0,
        });
    };
    let info = cx.stored(first)?;
    within("axis", 0, info.shape.len() as i64 - 1, axis.into())?;
    let axis = axis as usize;
    let (mut length, mut range): (u64, Range) = (info.shape[axis].into(), info.range);
    for &x in others {
        let other = cx.stored(x)?;
        equal("rank", info.shape.len() as u64, other.shape.len() as u64)?;
        for (at, (&expected, &got)) in info.shape.iter().zip(&other.shape).enumerate() {
            if at == axis {
                length += u64::from(got);
            } else {
                equal("dimension beside the axis", expected, got)?;
            }
        }
        range = range.hull(&other.range);
    }
    let mut shape = info.shape.clone();
    shape[axis] = dimension(length)?;
    Ok(Inferred::new(shape, range))
}
