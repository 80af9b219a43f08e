//! A constant around an operand.

use super::Source;
use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::id::TensorId;
use crate::range::Range;
use crate::shape::{dimension, equal};

/// A box inside a larger one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PadMap {
    x: TensorId,
    value: i64,
    axes: Vec<PadAxis>,
}

/// One axis of a [`PadMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PadAxis {
    /// Size of the operand.
    pub inner: usize,
    /// Elements before it.
    pub before: usize,
    /// Size of the result.
    pub outer: usize,
}

impl PadMap {
    pub(crate) fn new(
        x: TensorId,
        shape: &[u32],
        before: &[u32],
        after: &[u32],
        value: i32,
    ) -> Self {
        let axis = |(&inner, (&before, &after)): (&u32, (&u32, &u32))| PadAxis {
            inner: inner as usize,
            before: before as usize,
            outer: inner as usize + before as usize + after as usize,
        };
        Self {
            x,
            value: value.into(),
            axes: (shape.iter().zip(before.iter().zip(after)))
                .map(axis)
                .collect(),
        }
    }

    /// The operand, the constant, and the axes.
    pub fn parts(&self) -> (TensorId, i64, &[PadAxis]) {
        (self.x, self.value, &self.axes)
    }

    pub(crate) fn len(&self) -> usize {
        self.axes.iter().map(|axis| axis.outer).product()
    }

    pub(crate) fn source(&self, i: usize) -> Source {
        let (mut rest, mut index, mut stride) = (i, 0, 1);
        for axis in self.axes.iter().rev() {
            let at = (rest % axis.outer).checked_sub(axis.before);
            let Some(at) = at.filter(|&at| at < axis.inner) else {
                return Source::Constant(self.value);
            };
            index += at * stride;
            stride *= axis.inner;
            rest /= axis.outer;
        }
        Source::Element {
            tensor: self.x,
            index,
        }
    }
}

pub(crate) fn infer(
    cx: &Context<'_>,
    x: TensorId,
    before: &[u32],
    after: &[u32],
    value: i32,
) -> Result<Inferred, Fault> {
    let info = cx.stored(x)?;
    let rank = info.shape.len() as u64;
    equal("number of sizes before", rank, before.len() as u64)?;
    equal("number of sizes after", rank, after.len() as u64)?;
    let mut shape = Vec::new();
    for (&dim, (&before, &after)) in info.shape.iter().zip(before.iter().zip(after)) {
        let dim = u64::from(dim) + u64::from(before) + u64::from(after);
        shape.push(dimension(dim)?);
    }
    let range = match shape == info.shape {
        true => info.range,
        false => info.range.hull(&Range::new(value.into(), value.into())),
    };
    Ok(Inferred::new(shape, range))
}
