//! Random inputs from a seed, for models without samples.

use super::Sample;
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Flow, Op};
use crate::infer::tensor::Tensor;

/// Standard normal numbers; for integers, uniform below the number of rows of their embedding.
pub(super) fn samples(flow: &Flow, seed: u64, count: usize) -> Result<Vec<Sample>> {
    let mut state = seed ^ 0x6e61_7363_656e_7421;
    let mut samples = Vec::with_capacity(count);
    for _ in 0..count {
        let mut sample = Vec::with_capacity(flow.inputs.len());
        for (at, input) in flow.inputs.iter().enumerate() {
            let size: usize = input.shape.iter().product();
            let tensor = if input.is_int {
                let rows = rows(flow, at) as u64;
                let ints = (0..size).map(|_| (next(&mut state) % rows) as i64);
                Tensor::int(&input.shape, ints.collect())
            } else {
                Tensor::float(
                    &input.shape,
                    (0..size).map(|_| normal(&mut state)).collect(),
                )
            };
            sample.push(tensor.ok_or_else(|| InferError::Input {
                name: input.name.clone(),
                reason: "it is too large".to_owned(),
            })?);
        }
        samples.push(sample);
    }
    Ok(samples)
}

/// Rows of the smallest table that the input is an index of.
fn rows(flow: &Flow, at: usize) -> usize {
    let tables = flow.values.iter().filter(|value| {
        let index = value.inputs.get(1).map(|&id| &flow.values[id].op);
        value.op == Op::Embed && index == Some(&Op::Input(at))
    });
    let rows = tables.map(|value| flow.shape(value.inputs[0])[0]);
    rows.min().unwrap_or(1).max(1)
}

/// SplitMix64: calibration needs no better.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn normal(state: &mut u64) -> f32 {
    let uniform = |bits: u64| ((bits >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    let (a, b) = (uniform(next(state)), uniform(next(state)));
    ((-2.0 * libm::log(a)).sqrt() * libm::cos(std::f64::consts::TAU * b)) as f32
}
