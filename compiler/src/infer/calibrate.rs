//! Ranges of activations, from running the float graph on samples.

use super::error::{InferError, Result};
use super::flow::{Flow, Op};
use super::options::{Calibration, Options};
use super::tensor::Tensor;

/// Numbers from here on downwards are masks or what is made of them: they saturate and calibrate nothing.
pub(crate) const MASK: f64 = 1e6;

/// Magnitudes from here on stand for infinity, as the greatest 32-bit float does.
const ENDLESS: f64 = 1e30;

/// Bins of magnitudes, eight for each factor of two from `2^-32` to `2^32`.
const BINS: usize = 512;

/// What the samples say about one value.
#[derive(Debug, Clone)]
pub(crate) struct Stats {
    pub(crate) lo: f64,
    pub(crate) hi: f64,
    /// For a normalization: greatest distance from the mean.
    pub(crate) deviation: f64,
    bins: Vec<u64>,
}

impl Stats {
    fn new() -> Self {
        Self {
            lo: 0.0,
            hi: 0.0,
            deviation: 0.0,
            bins: Vec::new(),
        }
    }

    /// Greatest magnitude, or the one that a part of the values does not exceed.
    pub(crate) fn magnitude(&self, calibration: Calibration) -> f64 {
        let most = self.hi.max(-self.lo);
        let Calibration::Percentile(part) = calibration else {
            return most;
        };
        let total: u64 = self.bins.iter().sum();
        let wanted = (total as f64 * part).ceil() as u64;
        let mut seen = 0;
        for (bin, count) in self.bins.iter().enumerate() {
            seen += count;
            if seen >= wanted {
                return libm::exp2((bin as f64 + 1.0) / 8.0 - 32.0).min(most);
            }
        }
        most
    }

    fn add(&mut self, tensor: &Tensor, count: bool) {
        if count && self.bins.is_empty() {
            self.bins = vec![0; BINS];
        }
        for value in tensor.floats().unwrap_or(&[]) {
            let value = f64::from(*value);
            if value <= -MASK || value >= ENDLESS || value.is_nan() {
                continue;
            }
            self.lo = self.lo.min(value);
            self.hi = self.hi.max(value);
            if count {
                let bin = (value.abs().log2() + 32.0) * 8.0;
                self.bins[(bin.max(0.0) as usize).min(BINS - 1)] += 1;
            }
        }
    }

    fn add_rows(&mut self, x: &Tensor, center: bool) {
        let width = x.shape().last().copied().unwrap_or(1).max(1);
        for row in x.floats().unwrap_or(&[]).chunks(width) {
            let n = row.len() as f64;
            let mean = if center {
                row.iter().map(|&v| f64::from(v)).sum::<f64>() / n
            } else {
                0.0
            };
            let distances = row.iter().map(|&v| (f64::from(v) - mean).abs());
            self.deviation = distances.fold(self.deviation, f64::max);
        }
    }
}

/// Statistics of every value.
///
/// # Errors
/// [`InferError::Tensor`] when a value is not a finite number on a sample.
pub(crate) fn calibrate(
    flow: &Flow,
    samples: &[Vec<Tensor>],
    options: &Options,
) -> Result<Vec<Stats>> {
    let mut stats = vec![Stats::new(); flow.values.len()];
    let count = matches!(options.calibration, Calibration::Percentile(_));
    let mut broken = None;
    for (at, sample) in samples.iter().enumerate() {
        flow.run(sample, |id, tensor, operands| {
            let value = &flow.values[id];
            if matches!(value.op, Op::Constant(_)) {
                return;
            }
            if broken.is_none()
                && tensor
                    .floats()
                    .is_some_and(|v| v.iter().any(|v| v.is_nan()))
            {
                broken = Some((id, at));
            }
            stats[id].add(tensor, count);
            if let (Op::Normalize { center, .. }, [x]) = (&value.op, operands) {
                stats[id].add_rows(x, *center);
            }
        })?;
        if let Some((id, at)) = broken {
            return Err(InferError::Sample {
                sample: at.to_string(),
                reason: format!("the float model gives no number at {}", flow.node(id)),
            });
        }
    }
    Ok(stats)
}
