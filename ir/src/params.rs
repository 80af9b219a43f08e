//! The values of one checkpoint.

use crate::graph::TensorId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Values of a graph's `Param` tensors, and the scales of its tensors.
///
/// `real = scale * integer`. Scales serve reports and conversions of inputs and outputs; no proof
/// and no architecture digest depends on them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Params {
    /// Row-major values, one entry per `Param` tensor.
    pub values: BTreeMap<TensorId, Vec<i32>>,
    /// Scales of any tensors.
    pub scales: BTreeMap<TensorId, Scale>,
}

/// Real number per integer step: the bits of a positive finite `f64`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Scale(u64);

impl Scale {
    /// `None` unless `value` is positive and finite.
    pub fn new(value: f64) -> Option<Self> {
        (value > 0.0 && value.is_finite()).then(|| Self(value.to_bits()))
    }

    /// The number.
    pub fn get(self) -> f64 {
        f64::from_bits(self.0)
    }
}
