//! Contractions with constant weights: rounding, biases, multipliers, and the proved bound.

use super::map::linear;
use super::{Lower, Quant, dims, rounded};
use crate::infer::derived::Source;
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Op, ValueId};
use nascent_ir::{Conv, MatMul, Multiplier, Op as Node, Origin, Pre, Range, TensorId};

/// Least multiplier: keeps channels of tiny weights from losing their precision to rounding, and
/// biases in their range.
const LEAST_MULTIPLIER: f64 = 64.0;

/// Most that a weight differs from its deviate times the scale, by its size: a few roundings.
const CLOSE: f64 = 1e-5;

/// Integers of a contraction.
pub(super) struct Contraction {
    weights: Vec<i32>,
    /// Factor of the contraction, which makes the multiplier fit.
    factor: i32,
    bias: Option<Vec<i32>>,
    multipliers: Vec<i32>,
    /// The table that the weights are the transpose of.
    tied: Option<TensorId>,
    /// Bounds on `q` for these weights and any inputs in their range.
    pub(super) reached: Range,
}

impl Contraction {
    /// Rounds the weights so that `q` counts steps of `step`.
    pub(super) fn plan(
        lower: &Lower<'_>,
        y: ValueId,
        x: Quant,
        bias: Option<&[f32]>,
        step: f64,
    ) -> Result<Self> {
        let value = &lower.flow.values[y];
        let w = lower.weights(value.inputs[1])?;
        let shape = lower.flow.shape(value.inputs[1]);
        let by_channel = matches!(value.op, Op::Conv(_));
        let channels = if by_channel {
            shape[0]
        } else {
            shape[shape.len() - 1]
        };
        let channel = |at: usize| {
            if by_channel {
                at / (w.len() / channels)
            } else {
                at % channels
            }
        };
        let full = libm::exp2(f64::from(lower.shift()));
        let most = lower.most() as f64;
        let top = f64::from((1 << (lower.options.weight_bits - 1)) - 1);
        let floor = LEAST_MULTIPLIER * step / (x.scale * full);
        let tied = lower
            .tied(value.inputs[1])
            .filter(|tied| tied.scale >= floor);
        let groups = Groups {
            values: &w,
            channels,
            // One scale for a whole matrix.
            one: !by_channel,
            channel: &channel,
        };
        let (weights, scales) = match (&lower.flow.values[value.inputs[1]].source, tied) {
            (Some(source), _) => groups.derived(source, floor)?,
            (None, Some(tied)) => groups.at(vec![tied.scale; channels], top),
            (None, None) => groups.rounded(top, floor),
        };
        let ratio = scales.iter().copied().fold(0.0, f64::max) * x.scale / step * full;
        let mut factor = 1;
        while ratio / f64::from(factor) > most {
            factor *= 2;
        }
        let unit = |c: usize| scales[c] * x.scale / f64::from(factor);
        let multipliers: Vec<i32> = (0..channels)
            .map(|c| (unit(c) / step * full).round().clamp(1.0, most) as i32)
            .collect();
        let widest = f64::from((1_u32 << (2 * lower.bits - 1)) - 1);
        let bias = bias.map(|bias| {
            let each = bias.iter().enumerate();
            each.map(|(c, &b)| rounded(f64::from(b) / unit(c), widest))
                .collect::<Vec<i32>>()
        });
        let range = lower.range(x);
        let (lo, hi) = (i128::from(range.lo.min(0)), i128::from(range.hi.max(0)));
        let mut sums = vec![(0_i128, 0_i128); channels];
        for (at, &v) in weights.iter().enumerate() {
            let (v, sum) = (i128::from(v), &mut sums[channel(at)]);
            sum.0 += if v > 0 { v * lo } else { v * hi };
            sum.1 += if v > 0 { v * hi } else { v * lo };
        }
        let half = 1_i128 << (lower.shift() - 1);
        let mut reached = Range::new(0, 0);
        for (c, sum) in sums.iter().enumerate() {
            let offset = bias.as_ref().map_or(0, |bias| i128::from(bias[c]));
            let q = |sum: i128| {
                let scaled = (sum * i128::from(factor) + offset) * i128::from(multipliers[c]);
                ((scaled + half) >> lower.shift()) as i64
            };
            reached = reached.hull(&Range::new(q(sum.0), q(sum.1)));
        }
        let multipliers = if by_channel {
            multipliers
        } else {
            vec![multipliers[0]]
        };
        Ok(Self {
            weights,
            factor,
            bias,
            multipliers,
            tied: tied.map(|tied| tied.id),
            reached,
        })
    }
}

/// Weights that share a scale.
struct Groups<'a> {
    values: &'a [f32],
    channels: usize,
    /// Whether all channels share one.
    one: bool,
    channel: &'a dyn Fn(usize) -> usize,
}

impl Groups<'_> {
    fn group(&self, at: usize) -> usize {
        if self.one { 0 } else { (self.channel)(at) }
    }

    /// The scale of each channel.
    fn spread(&self, scale: impl Fn(usize) -> f64) -> Vec<f64> {
        let channels = 0..self.channels;
        channels
            .map(|c| scale(if self.one { 0 } else { c }))
            .collect()
    }

    /// The nearest integers, at most `top`, and the scales, at least `floor`.
    fn rounded(&self, top: f64, floor: f64) -> (Vec<i32>, Vec<f64>) {
        let mut peaks = vec![0.0_f64; self.channels];
        for (at, &v) in self.values.iter().enumerate() {
            let peak = &mut peaks[self.group(at)];
            *peak = peak.max(f64::from(v.abs()));
        }
        self.at(self.spread(|group| (peaks[group] / top).max(floor)), top)
    }

    /// The weights rounded at these scales of the channels.
    fn at(&self, scales: Vec<f64>, top: f64) -> (Vec<i32>, Vec<f64>) {
        let values = self.values.iter().enumerate();
        let weights =
            values.map(|(at, &v)| rounded(f64::from(v) / scales[(self.channel)(at)], top));
        (weights.collect(), scales)
    }

    /// The deviates, and the scales that make them the weights.
    fn derived(&self, source: &Source, floor: f64) -> Result<(Vec<i32>, Vec<f64>)> {
        let (sampled, elements) = match source {
            Source::Exact(sampled, elements) => (sampled, elements.ints().unwrap_or(&[])),
            // Refused before.
            Source::Mixed(sampled) => (sampled, &[][..]),
        };
        let fail = |reason: String| {
            Err(InferError::Tensor {
                name: sampled.name.clone(),
                reason,
            })
        };
        let deviates: Vec<i32> = elements
            .iter()
            .map(|&element| sampled.deviates[element as usize])
            .collect();
        if deviates.len() != self.values.len() {
            return fail("its elements were lost on the way to a product".to_owned());
        }
        // From the largest deviate, which rounding changed least.
        let mut largest = vec![(0_i32, 0.0_f64); self.channels];
        for (at, (&z, &value)) in deviates.iter().zip(self.values).enumerate() {
            let largest = &mut largest[self.group(at)];
            if z.abs() > largest.0 {
                *largest = (z.abs(), f64::from(value) / f64::from(z));
            }
        }
        // A channel of zeros may have any scale.
        let usual = largest
            .iter()
            .map(|&(_, scale)| scale)
            .fold(floor, f64::max);
        let scales = self.spread(|group| match largest[group] {
            (0, _) => usual,
            (_, scale) => scale,
        });
        for (at, (&z, &value)) in deviates.iter().zip(self.values).enumerate() {
            let (value, exact) = (f64::from(value), scales[(self.channel)(at)] * f64::from(z));
            if (value - exact).abs() > CLOSE * exact.abs() {
                return fail(format!(
                    "other constants scale its elements one by one: one became {value:e}, which \
                     is not its deviate {z} times the scale {:e} of the others; only a factor \
                     for each output channel of a convolution, or for a whole matrix, keeps \
                     deviates",
                    scales[(self.channel)(at)]
                ));
            }
        }
        match scales.iter().find(|&&scale| scale < floor) {
            Some(scale) if *scale <= 0.0 => {
                fail("a negative factor goes into it; no scale is negative".to_owned())
            }
            Some(scale) => fail(format!(
                "its scale {scale:e} is too fine for the multiplier of its layer; take larger \
                 tables, or a plan with fewer fraction bits"
            )),
            None => Ok((deviates, scales)),
        }
    }
}

impl Lower<'_> {
    /// Bounds on a contraction's real value for any inputs in their range.
    pub(super) fn weights_bound(
        &self,
        y: ValueId,
        x: Quant,
        bias: Option<&[f32]>,
    ) -> Result<(f64, f64)> {
        let value = &self.flow.values[y];
        let w = self.weights(value.inputs[1])?;
        let shape = self.flow.shape(value.inputs[1]);
        let range = self.range(x);
        let (lo, hi) = (
            range.lo.min(0) as f64 * x.scale,
            range.hi.max(0) as f64 * x.scale,
        );
        let by_channel = matches!(value.op, Op::Conv(_));
        let channels = if by_channel {
            shape[0]
        } else {
            shape[shape.len() - 1]
        };
        let depth = w.len() / channels.max(1);
        let mut sums = vec![(0.0_f64, 0.0_f64); channels];
        for (at, &v) in w.iter().enumerate() {
            let c = if by_channel {
                at / depth
            } else {
                at % channels
            };
            let v = f64::from(v);
            sums[c].0 += if v > 0.0 { v * lo } else { v * hi };
            sums[c].1 += if v > 0.0 { v * hi } else { v * lo };
        }
        let mut bound = (0.0_f64, 0.0_f64);
        for (c, sum) in sums.iter().enumerate() {
            let offset = bias.map_or(0.0, |bias| f64::from(bias[c]));
            bound = (bound.0.min(sum.0 + offset), bound.1.max(sum.1 + offset));
        }
        Ok(bound)
    }

    /// Appends the nodes of a planned contraction.
    pub(super) fn contraction(
        &mut self,
        name: &str,
        y: ValueId,
        x: Quant,
        plan: Contraction,
    ) -> Result<(Pre, Multiplier)> {
        let flow = self.flow;
        let value = &flow.values[y];
        let shape = flow.shape(value.inputs[1]).to_vec();
        let bits = u32::from(self.options.weight_bits);
        let w = match plan.tied {
            Some(table) => table,
            None => self.push_weights(&format!("{name}.weight"), &shape, plan.weights, bits)?,
        };
        if let Some(Source::Exact(sampled, elements)) = &flow.values[value.inputs[1]].source {
            let elements = elements.ints().unwrap_or(&[]);
            let origin = Origin::from_elements(w, sampled.index, &dims(&shape), elements);
            let origin = origin.ok_or_else(|| InferError::Tensor {
                name: sampled.name.clone(),
                reason: "its elements are rearranged in a way that strides do not express"
                    .to_owned(),
            })?;
            self.origins.push((sampled.plan, origin));
        }
        let op = match &value.op {
            Op::Conv(attrs) => Node::Conv(Conv {
                x: x.id,
                w,
                strides: dims(&attrs.strides),
                pads: attrs
                    .pads
                    .iter()
                    .map(|&(a, b)| (a as u32, b as u32))
                    .collect(),
                dilations: dims(&attrs.dilations),
                groups: attrs.groups as u32,
            }),
            _ => Node::MatMul(MatMul {
                a: x.id,
                b: w,
                transpose_b: plan.tied.is_some(),
            }),
        };
        let product = self.builder.push(&format!("{name}.product"), op)?;
        // Channels are the second axis of a convolution, the last one of a product of matrices.
        let spatial = match value.op {
            Op::Conv(_) => value.shape.len() - 2,
            _ => 0,
        };
        let aligned = |count: usize| [&[count], vec![1; spatial].as_slice()].concat();
        let bias = match plan.bias {
            Some(bias) => {
                let shape = aligned(bias.len());
                let id = self.push_param(&format!("{name}.bias"), &shape, bias, 8)?;
                Some((id, 1))
            }
            None => None,
        };
        let shape = if plan.multipliers.len() == 1 && spatial == 0 {
            Vec::new()
        } else {
            aligned(plan.multipliers.len())
        };
        let multiplier =
            self.push_multipliers(&format!("{name}.multiplier"), &shape, plan.multipliers)?;
        Ok((
            linear(product, plan.factor, bias),
            Multiplier::Param(multiplier),
        ))
    }

    /// The table that weights are the transpose of, if it was lowered as one.
    fn tied(&self, weights: ValueId) -> Option<Quant> {
        let table = self.flow.tied_table(weights)?;
        self.tables.get(&table).copied()
    }

    pub(super) fn push_weights(
        &mut self,
        name: &str,
        shape: &[usize],
        values: Vec<i32>,
        bits: u32,
    ) -> Result<TensorId> {
        let id = self
            .builder
            .param(name, &dims(shape), Range::signed(bits))?;
        self.params.values.insert(id, values);
        Ok(id)
    }
}
