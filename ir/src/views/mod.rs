//! Arrangements of elements, one family a file.

mod affine;
mod concat;
mod gather;
mod pad;

pub use affine::Affine;
pub use concat::ConcatMap;
pub use gather::GatherMap;
pub use pad::PadMap;

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::graph::CheckedGraph;
use crate::id::TensorId;
use crate::op::View;

/// Where an element of a view comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source {
    /// An element of an operand.
    Element {
        /// The operand.
        tensor: TensorId,
        /// Row-major position in it.
        index: usize,
    },
    /// A constant of the architecture.
    Constant(i64),
}

/// The source of each element of a view. Positions are row-major.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum IndexMap {
    /// `Reshape`, `Transpose`, `Slice`, `Expand`: of one operand, linear in the indices.
    Affine {
        /// The operand.
        x: TensorId,
        /// Positions in it.
        map: Affine,
    },
    /// `Concat`.
    Concat(ConcatMap),
    /// `Pad`.
    Pad(PadMap),
    /// `Gather`.
    Gather(GatherMap),
}

impl IndexMap {
    /// The map of a view of `graph`.
    ///
    /// # Panics
    /// If `view` is not of `graph`.
    pub fn new(graph: &CheckedGraph, view: &View) -> Self {
        let shape = |id| graph.tensor(id).shape.as_slice();
        match view {
            View::Reshape { x, shape } => Self::affine(*x, Affine::contiguous(shape)),
            View::Transpose { x, perm } => Self::affine(*x, Affine::transpose(shape(*x), perm)),
            View::Slice {
                x,
                starts,
                sizes,
                steps,
            } => Self::affine(*x, Affine::slice(shape(*x), starts, sizes, steps)),
            View::Expand { x, shape: to } => Self::affine(*x, Affine::broadcast(shape(*x), to)),
            View::Concat { xs, axis } => {
                let pieces = xs.iter().map(|&x| (x, shape(x)));
                Self::Concat(ConcatMap::new(pieces, *axis as usize))
            }
            View::Pad {
                x,
                before,
                after,
                value,
            } => Self::Pad(PadMap::new(*x, shape(*x), before, after, *value)),
            View::Gather { x, axis, indices } => {
                Self::Gather(GatherMap::new(*x, shape(*x), *axis as usize, indices))
            }
        }
    }

    const fn affine(x: TensorId, map: Affine) -> Self {
        Self::Affine { x, map }
    }

    /// Number of elements of the view.
    pub fn len(&self) -> usize {
        match self {
            Self::Affine { map, .. } => map.len(),
            Self::Concat(map) => map.len(),
            Self::Pad(map) => map.len(),
            Self::Gather(map) => map.len(),
        }
    }

    /// Never: no tensor is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The source of element `i < len()`.
    pub fn source(&self, i: usize) -> Source {
        match self {
            Self::Affine { x, map } => Source::Element {
                tensor: *x,
                index: map.at(i),
            },
            Self::Concat(map) => map.source(i),
            Self::Pad(map) => map.source(i),
            Self::Gather(map) => map.source(i),
        }
    }

    /// The sources of all elements in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Source> + '_ {
        (0..self.len()).map(|i| self.source(i))
    }
}

pub(crate) fn infer(cx: &Context<'_>, view: &View) -> Result<Inferred, Fault> {
    match view {
        View::Reshape { x, shape } => affine::infer_reshape(cx, *x, shape),
        View::Transpose { x, perm } => affine::infer_transpose(cx, *x, perm),
        View::Slice {
            x,
            starts,
            sizes,
            steps,
        } => affine::infer_slice(cx, *x, starts, sizes, steps),
        View::Expand { x, shape } => affine::infer_expand(cx, *x, shape),
        View::Concat { xs, axis } => concat::infer(cx, xs, *axis),
        View::Pad {
            x,
            before,
            after,
            value,
        } => pad::infer(cx, *x, before, after, *value),
        View::Gather { x, axis, indices } => gather::infer(cx, *x, *axis, indices),
    }
}
