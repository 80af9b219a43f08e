//! Slices of an operand at listed places of an axis.

use super::Source;
use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::id::TensorId;
use crate::shape::{dimension, size, within};

/// `(row, k, inner)` of the result comes from `(row, indices[k], inner)`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GatherMap {
    x: TensorId,
    rows: usize,
    dim: usize,
    inner: usize,
    indices: Vec<u32>,
}

impl GatherMap {
    pub(crate) fn new(x: TensorId, shape: &[u32], axis: usize, indices: &[u32]) -> Self {
        Self {
            x,
            rows: size(&shape[..axis]),
            dim: shape[axis] as usize,
            inner: size(&shape[axis + 1..]),
            indices: indices.to_vec(),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.rows * self.indices.len() * self.inner
    }

    pub(crate) fn source(&self, i: usize) -> Source {
        let (rest, inner) = (i / self.inner, i % self.inner);
        let (row, k) = (rest / self.indices.len(), rest % self.indices.len());
        Source::Element {
            tensor: self.x,
            index: (row * self.dim + self.indices[k] as usize) * self.inner + inner,
        }
    }
}

pub(crate) fn infer(
    cx: &Context<'_>,
    x: TensorId,
    axis: u32,
    indices: &[u32],
) -> Result<Inferred, Fault> {
    let info = cx.stored(x)?;
    within("axis", 0, info.shape.len() as i64 - 1, axis.into())?;
    let axis = axis as usize;
    let last = i64::from(info.shape[axis]) - 1;
    for &index in indices {
        within("index", 0, last, index.into())?;
    }
    let mut shape = info.shape.clone();
    // An empty list makes a dimension of zero, refused with every other.
    shape[axis] = dimension(indices.len() as u64)?;
    Ok(Inferred::new(shape, info.range))
}
