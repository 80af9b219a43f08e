//! Views whose source position is linear in the indices of the result.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::id::TensorId;
use crate::shape::{elements, equal, size, strides, within};

/// `position = base + sum over axes of index * stride`.
///
/// Axes of size 1 are dropped, and neighbours that together are one axis are merged, so equal maps
/// have one form. Strides can be zero (broadcast) or negative (reversal).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Affine {
    base: i64,
    /// (size, stride), outermost first.
    axes: Vec<(usize, i64)>,
}

impl Affine {
    fn new(base: i64, shape: &[u32], strides: &[i64]) -> Self {
        let mut axes: Vec<(usize, i64)> = Vec::new();
        for (&size, &stride) in shape.iter().zip(strides) {
            let size = size as usize;
            match axes.last_mut() {
                _ if size == 1 => {}
                Some(outer) if outer.1 == stride * size as i64 => {
                    *outer = (outer.0 * size, stride);
                }
                _ => axes.push((size, stride)),
            }
        }
        Self { base, axes }
    }

    /// The elements of `shape` in their order.
    pub(crate) fn contiguous(shape: &[u32]) -> Self {
        Self::new(0, shape, &strides(shape))
    }

    pub(crate) fn transpose(from: &[u32], perm: &[u32]) -> Self {
        let strides = strides(from);
        let (shape, strides): (Vec<u32>, Vec<i64>) = (perm.iter())
            .map(|&axis| (from[axis as usize], strides[axis as usize]))
            .unzip();
        Self::new(0, &shape, &strides)
    }

    pub(crate) fn slice(from: &[u32], starts: &[u32], sizes: &[u32], steps: &[i32]) -> Self {
        let strides = strides(from);
        let starts = starts.iter().zip(&strides);
        let base = starts
            .map(|(&start, stride)| i64::from(start) * stride)
            .sum();
        let steps = steps.iter().zip(&strides);
        let strides: Vec<i64> = steps
            .map(|(&step, stride)| i64::from(step) * stride)
            .collect();
        Self::new(base, sizes, &strides)
    }

    pub(crate) fn broadcast(from: &[u32], to: &[u32]) -> Self {
        let missing = to.len() - from.len();
        let mut out = vec![0; missing];
        let axes = strides(from).into_iter().zip(from);
        out.extend(axes.map(|(stride, &size)| if size == 1 { 0 } else { stride }));
        Self::new(0, to, &out)
    }

    /// Position of the first element's source.
    pub const fn base(&self) -> i64 {
        self.base
    }

    /// (size, stride) of the merged axes, outermost first.
    pub fn axes(&self) -> &[(usize, i64)] {
        &self.axes
    }

    /// Number of elements of the result.
    pub fn len(&self) -> usize {
        self.axes.iter().map(|&(size, _)| size).product()
    }

    /// Never: no tensor is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Source position of element `i < len()`.
    pub fn at(&self, i: usize) -> usize {
        let (mut rest, mut position) = (i, self.base);
        for (depth, &(size, stride)) in self.axes.iter().enumerate().rev() {
            // The outermost index is what is left; saves the slow division.
            let index = if depth == 0 { rest } else { rest % size };
            position += index as i64 * stride;
            if depth > 0 {
                rest /= size;
            }
        }
        position as usize
    }
}

pub(crate) fn infer_reshape(
    cx: &Context<'_>,
    x: TensorId,
    shape: &[u32],
) -> Result<Inferred, Fault> {
    let info = cx.stored(x)?;
    let expected = size(&info.shape) as u64;
    equal("number of elements", expected, elements(shape)?)?;
    Ok(Inferred::new(shape.to_vec(), info.range))
}

pub(crate) fn infer_transpose(
    cx: &Context<'_>,
    x: TensorId,
    perm: &[u32],
) -> Result<Inferred, Fault> {
    let info = cx.stored(x)?;
    let mut sorted = perm.to_vec();
    sorted.sort_unstable();
    if !sorted.into_iter().eq(0..info.shape.len() as u32) {
        return Err(Fault::Permutation { got: perm.to_vec() });
    }
    let shape = perm.iter().map(|&axis| info.shape[axis as usize]);
    Ok(Inferred::new(shape.collect(), info.range))
}

pub(crate) fn infer_slice(
    cx: &Context<'_>,
    x: TensorId,
    starts: &[u32],
    sizes: &[u32],
    steps: &[i32],
) -> Result<Inferred, Fault> {
    let info = cx.stored(x)?;
    let rank = info.shape.len() as u64;
    equal("number of starts", rank, starts.len() as u64)?;
    equal("number of sizes", rank, sizes.len() as u64)?;
    equal("number of steps", rank, steps.len() as u64)?;
    for (axis, &dim) in info.shape.iter().enumerate() {
        let (dim, start, step) = (i64::from(dim), i64::from(starts[axis]), steps[axis]);
        within("size of a slice", 1, dim, sizes[axis].into())?;
        within("first index of a slice", 0, dim - 1, start)?;
        if step == 0 {
            return Err(Fault::ZeroStep { axis });
        }
        let last = start + (i64::from(sizes[axis]) - 1) * i64::from(step);
        within("last index of a slice", 0, dim - 1, last)?;
    }
    Ok(Inferred::new(sizes.to_vec(), info.range))
}

pub(crate) fn infer_expand(
    cx: &Context<'_>,
    x: TensorId,
    shape: &[u32],
) -> Result<Inferred, Fault> {
    let info = cx.stored(x)?;
    elements(shape)?;
    cx.broadcast(x, shape)?;
    Ok(Inferred::new(shape.to_vec(), info.range))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_maps_have_one_form() {
        assert_eq!(Affine::contiguous(&[2, 1, 3]), Affine::contiguous(&[6]));
        assert_eq!(Affine::contiguous(&[]).axes(), []);
        assert_eq!(Affine::contiguous(&[1, 1]).at(0), 0);
        // A bias over channels.
        let bias = Affine::broadcast(&[5, 1, 1], &[2, 5, 3, 4]);
        assert_eq!(bias.axes(), [(2, 0), (5, 1), (12, 0)]);
        let swap = Affine::transpose(&[2, 3, 4, 5], &[0, 2, 3, 1]);
        assert_eq!(swap.axes(), [(2, 60), (20, 1), (3, 20)]);
    }

    #[test]
    fn negative_steps_run_backwards() {
        let back = Affine::slice(&[4], &[3], &[2], &[-2]);
        assert_eq!([back.at(0), back.at(1)], [3, 1]);
        assert_eq!((back.base(), back.len()), (3, 2));
    }
}
