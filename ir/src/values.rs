//! Integers of the tensors of one execution.

use crate::graph::{CheckedGraph, TensorInfo};
use crate::id::TensorId;
use crate::range::Range;
use crate::views::Affine;
use rayon::prelude::*;

/// Elements that one task computes at least.
const TASK: usize = 1 << 12;

/// Every tensor's integers, as [`crate::eval()`] finds them.
///
/// Parameters and constants are borrowed; results take 4 bytes an element, or 8 if their range does
/// not fit 32 bits.
#[derive(Debug, Clone)]
pub struct Values<'a> {
    graph: &'a CheckedGraph,
    tensors: Vec<Data<'a>>,
}

#[derive(Debug, Clone)]
pub(crate) enum Data<'a> {
    Borrowed(&'a [i32]),
    Owned(Buffer),
}

/// Computed elements.
#[derive(Debug, Clone)]
pub(crate) enum Buffer {
    Small(Vec<i32>),
    Wide(Vec<i64>),
}

/// Row-major elements of one tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slice<'a> {
    /// A tensor whose range fits 32 bits signed.
    I32(&'a [i32]),
    /// Any other.
    I64(&'a [i64]),
}

impl<'a> Slice<'a> {
    /// Number of elements.
    pub const fn len(&self) -> usize {
        match self {
            Self::I32(values) => values.len(),
            Self::I64(values) => values.len(),
        }
    }

    /// Never: no tensor is empty.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Element `i`.
    ///
    /// # Panics
    /// If `i` is not less than the length.
    pub const fn at(&self, i: usize) -> i64 {
        match self {
            Self::I32(values) => values[i] as i64,
            Self::I64(values) => values[i],
        }
    }

    /// All elements in order.
    pub fn iter(self) -> impl ExactSizeIterator<Item = i64> + 'a {
        (0..self.len()).map(move |i| self.at(i))
    }

    /// All elements in order.
    pub fn to_vec(self) -> Vec<i64> {
        self.iter().collect()
    }
}

impl<'a> Values<'a> {
    pub(crate) fn new(graph: &'a CheckedGraph) -> Self {
        let tensors = Vec::with_capacity(graph.nodes.len());
        Self { graph, tensors }
    }

    pub(crate) fn push(&mut self, data: Data<'a>) {
        self.tensors.push(data);
    }

    /// The integers of `id`.
    ///
    /// # Panics
    /// If `id` is not of the graph evaluated.
    pub fn get(&self, id: TensorId) -> Slice<'_> {
        match &self.tensors[id.index()] {
            Data::Borrowed(values) => Slice::I32(values),
            Data::Owned(Buffer::Small(values)) => Slice::I32(values),
            Data::Owned(Buffer::Wide(values)) => Slice::I64(values),
        }
    }

    /// The integers of the graph's outputs, in order.
    pub fn outputs(&self) -> impl ExactSizeIterator<Item = Slice<'_>> {
        self.graph.outputs.iter().map(|&id| self.get(id))
    }

    pub(crate) fn info(&self, id: TensorId) -> &TensorInfo {
        self.graph.tensor(id)
    }
}

/// Whether a tensor of `range` is kept in 32 bits.
pub(crate) fn is_small(range: Range) -> bool {
    Range::new(i32::MIN.into(), i32::MAX.into()).covers(&range)
}

impl Buffer {
    /// `f` of each position; `small` only if all results fit 32 bits.
    pub fn fill(len: usize, small: bool, f: impl Fn(usize) -> i64 + Send + Sync) -> Self {
        let all = (0..len).into_par_iter().with_min_len(TASK);
        match small {
            true => Self::Small(all.map(|i| f(i) as i32).collect()),
            false => Self::Wide(all.map(f).collect()),
        }
    }

    /// `f` of each position, or nothing if it is nothing anywhere.
    pub fn try_fill(len: usize, f: impl Fn(usize) -> Option<i32> + Send + Sync) -> Option<Self> {
        let all = (0..len).into_par_iter().with_min_len(TASK);
        all.map(f).collect::<Option<Vec<i32>>>().map(Self::Small)
    }

    /// `values`, in 32 bits if `small`.
    pub fn pack(values: Vec<i64>, small: bool) -> Self {
        match small {
            true => Self::fill(values.len(), true, |i| values[i]),
            false => Self::Wide(values),
        }
    }
}

/// A tensor seen in a larger shape.
pub(crate) struct Broadcast<'a> {
    values: Slice<'a>,
    /// Unless the shapes are equal.
    map: Option<Affine>,
}

impl<'a> Broadcast<'a> {
    pub fn new(values: &'a Values<'_>, id: TensorId, shape: &[u32]) -> Self {
        let from = &values.info(id).shape;
        Self {
            values: values.get(id),
            map: (from != shape).then(|| Affine::broadcast(from, shape)),
        }
    }

    /// The element under position `i` of the larger shape.
    pub fn at(&self, i: usize) -> i64 {
        match &self.map {
            None => self.values.at(i),
            Some(map) => self.values.at(map.at(i)),
        }
    }
}
