//! A tensor: name, shape, and where its values come from.

use super::MAX_ELEMENTS;
use crate::digest::Digest32;
use alloc::string::String;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// How a tensor gets its values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fill {
    /// Every element is the `f32` with these bits.
    Constant {
        /// Bits of the `f32`.
        bits: u32,
    },
    /// Element `e` is `scale * z + mean`, `z` the deviate at row
    /// `first_row + e / L`, lane `e % L` of the stream.
    Sampled {
        /// Index in [`ModelSpec::streams`](super::ModelSpec::streams).
        stream: u16,
        /// First row of the stream.
        first_row: u64,
        /// Bits of the `f32` scale: positive and normal.
        scale_bits: u32,
        /// Bits of the `f32` mean: finite, zero as `+0`.
        mean_bits: u32,
    },
    /// The elements are those of an earlier plan's tensor: of the same name and shape, and sampled
    /// there.
    Inherited {
        /// Digest of that plan.
        plan: Digest32,
    },
}

/// A tensor of the model file that no rule fills: its values are part of the computation graph, and
/// no seed explains them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct KeptTensor {
    /// Its name, or where it stands if it is no tensor of its own: 1 to
    /// [`MAX_NAME`](super::MAX_NAME) bytes.
    pub name: String,
    /// Dimensions; none for a scalar.
    pub dims: Vec<u64>,
    /// Whether its elements are floating-point numbers of 16, 32 or 64 bits.
    pub floats: bool,
}

impl KeptTensor {
    /// Number of elements, or `None` past [`MAX_ELEMENTS`].
    pub fn elements(&self) -> Option<u64> {
        elements(&self.dims)
    }
}

/// A tensor of the model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TensorSpec {
    /// Name, unique in the model, 1 to [`MAX_NAME`](super::MAX_NAME) bytes.
    pub name: String,
    /// Dimensions; none for a scalar.
    pub dims: Vec<u64>,
    /// Where its values come from.
    pub fill: Fill,
}

impl TensorSpec {
    /// Number of elements, or `None` past [`MAX_ELEMENTS`].
    pub fn elements(&self) -> Option<u64> {
        elements(&self.dims)
    }
}

fn elements(dims: &[u64]) -> Option<u64> {
    let mut product = 1_u64;
    for &dim in dims {
        product = product.checked_mul(dim)?;
    }
    (product <= MAX_ELEMENTS).then_some(product)
}
