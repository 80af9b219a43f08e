//! How a model is quantized.

use super::error::{InferError, Result};
use std::collections::BTreeMap;

/// How the range of an activation is chosen from its values on the samples.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Calibration {
    /// The largest magnitude seen.
    Max,
    /// The magnitude that this fraction of the values does not exceed; the others saturate.
    Percentile(f64),
}

/// Options of [`super::compile`].
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Options {
    /// Size of a free first dimension of an input.
    pub batch: usize,
    /// Sizes of other free dimensions, by name.
    pub dims: BTreeMap<String, usize>,
    /// Bits of an activation, 4 to 12.
    pub activation_bits: u8,
    /// Bits of a weight, 4 to 12.
    pub weight_bits: u8,
    /// Bits of the lookup tables, 12 to 16; the smallest that keeps the precision when `None`.
    pub table_bits: Option<u8>,
    /// How ranges are chosen.
    pub calibration: Calibration,
    /// Most elements of one tensor, constants and activations; all together may have four times as
    /// many.
    pub max_elements: u64,
    /// Most products of one evaluation.
    pub max_products: u64,
    /// Seed of the random inputs that stand in for samples that are not given.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch: 1,
            dims: BTreeMap::new(),
            activation_bits: 8,
            weight_bits: 8,
            table_bits: None,
            calibration: Calibration::Max,
            max_elements: 1 << 28,
            max_products: 1 << 37,
            seed: 0,
        }
    }
}

impl Options {
    /// Refuses options out of their range.
    pub(crate) fn check(&self) -> Result<()> {
        let fail = |option, reason: String| Err(InferError::Option { option, reason });
        if self.batch == 0 || self.batch > 1 << 16 {
            return fail("batch", format!("{}, expected 1 to 65536", self.batch));
        }
        if self.dims.values().any(|&dim| dim == 0) {
            return fail("dims", "a dimension is 0".to_owned());
        }
        for (option, bits) in [
            ("activation-bits", self.activation_bits),
            ("weight-bits", self.weight_bits),
        ] {
            if !(4..=12).contains(&bits) {
                return fail(option, format!("{bits}, expected 4 to 12"));
            }
        }
        if let Some(bits) = self.table_bits
            && !(12..=16).contains(&bits)
        {
            return fail("table-bits", format!("{bits}, expected 12 to 16"));
        }
        if let Calibration::Percentile(part) = self.calibration
            && !(part > 0.5 && part <= 1.0)
        {
            return fail("percentile", format!("{part}, expected 0.5 to 1"));
        }
        Ok(())
    }
}
