//! Contractions with constant weights: rounding, biases, multipliers, and the proved bound.

use super::map::{NEAR_MULTIPLIER, beyond, linear};
use super::{Lower, Numbers, Quant, dims, rounded};
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Exact, Op, Source, ValueId};
use crate::infer::profile::MAX_DOUBLINGS;
use nascent_ir::{Conv, MatMul, Multiplier, Op as Node, Origin, Pre, Range, TensorId};

/// Least multiplier: keeps channels of tiny weights from losing their precision to rounding, and
/// biases in their range.
const LEAST_MULTIPLIER: f64 = 64.0;

/// Most that a weight differs from its deviate times the scale, by its size: a few roundings.
const CLOSE: f64 = 1e-5;

/// Most binary digits of a contraction's factor.
const MOST_FACTOR: u8 = 30;

/// Integers of a contraction. Those that weights decide are not there while a profile is read.
pub(super) struct Contraction {
    weights: Option<Vec<i32>>,
    /// Binary logarithm of the contraction's factor, which makes the multiplier fit.
    factor: u8,
    bias: Option<Numbers<i32>>,
    multipliers: Numbers<i32>,
    /// Number of multipliers.
    scales: usize,
    /// The table that the weights are the transpose of.
    tied: Option<TensorId>,
    /// Bounds on `q` for these weights and any inputs in their range.
    reached: Option<Range>,
}

/// A contraction's weights and their channels.
struct Weights<'a> {
    numbers: Numbers<f32>,
    source: Option<&'a Exact>,
    by_channel: bool,
    channels: usize,
    /// Weights of a channel.
    depth: usize,
}

impl Weights<'_> {
    /// The channel of a weight.
    fn channel(&self, at: usize) -> usize {
        if self.by_channel {
            at / self.depth.max(1)
        } else {
            at % self.channels.max(1)
        }
    }

    /// Weights that share a scale: a channel of a convolution, or a whole matrix.
    fn group(&self, at: usize) -> usize {
        if self.by_channel { self.channel(at) } else { 0 }
    }

    /// The scale of each channel.
    fn spread(&self, scale: impl Fn(usize) -> f64) -> Vec<f64> {
        let channels = 0..self.channels;
        channels
            .map(|c| scale(if self.by_channel { c } else { 0 }))
            .collect()
    }

    /// Scales with which no weight is above `top`, at least `floor`.
    fn fitting(&self, top: f64, floor: f64) -> Option<Vec<f64>> {
        let values = self.numbers.values.as_ref()?;
        let mut peaks = vec![0.0_f64; self.channels];
        for (at, &v) in values.iter().enumerate() {
            let peak = &mut peaks[self.group(at)];
            *peak = peak.max(f64::from(v.abs()));
        }
        Some(self.spread(|group| (peaks[group] / top).max(floor)))
    }

    /// The weights rounded at these scales of the channels.
    fn rounded(&self, scales: Option<&[f64]>, top: f64) -> Option<Vec<i32>> {
        let (values, scales) = (self.numbers.values.as_ref()?, scales?);
        let values = values.iter().enumerate();
        let weights = values.map(|(at, &v)| rounded(f64::from(v) / scales[self.channel(at)], top));
        Some(weights.collect())
    }

    /// The scales that make deviates the weights: they follow from the plan and from the constants
    /// that the weights are multiplied with.
    fn derived_scales(&self, exact: &Exact, floor: f64) -> Result<Vec<f64>> {
        let fail = |reason: String| {
            Err(InferError::Tensor {
                name: exact.sampled.name.clone(),
                reason,
            })
        };
        let mut scales: Vec<Option<f64>> = vec![None; self.channels];
        for at in 0..exact.numbers().len() {
            let own = exact.scale(at);
            let scale = scales[self.group(at)].get_or_insert(own);
            if *scale != own {
                return fail(format!(
                    "other constants scale its elements one by one, by {own:e} and by {scale:e}; \
                     only a factor for each output channel of a convolution, or for a whole \
                     matrix, keeps deviates"
                ));
            }
        }
        let scales = self.spread(|group| scales[group].unwrap_or(0.0));
        match scales.iter().find(|scale| **scale < floor) {
            Some(scale) if *scale <= 0.0 => fail(
                "a factor that is not positive goes into it; no scale is negative or zero"
                    .to_owned(),
            ),
            Some(scale) => fail(format!(
                "its scale {scale:e} is too fine for the multiplier of its layer; take larger \
                 tables, or a plan with fewer fraction bits"
            )),
            None => Ok(scales),
        }
    }

    /// The deviates, held against the weights.
    fn deviates(&self, exact: &Exact, scales: &[f64]) -> Result<Option<Vec<i32>>> {
        let (Some(all), Some(values)) = (&exact.sampled.deviates, &self.numbers.values) else {
            return Ok(None);
        };
        let elements = exact.numbers().iter();
        let deviates: Vec<i32> = elements.map(|&element| all[element as usize]).collect();
        for (at, (&z, &value)) in deviates.iter().zip(values).enumerate() {
            let (value, scaled) = (f64::from(value), scales[self.channel(at)] * f64::from(z));
            if (value - scaled).abs() > CLOSE * scaled.abs() {
                return Err(InferError::Tensor {
                    name: exact.sampled.name.clone(),
                    reason: format!(
                        "one of its elements became {value:e}, which is not its deviate {z} times \
                         the scale {:e}",
                        scales[self.channel(at)]
                    ),
                });
            }
        }
        Ok(Some(deviates))
    }
}

impl Contraction {
    /// Rounds the weights so that `q` counts steps of `step`.
    fn plan(
        lower: &Lower<'_>,
        y: ValueId,
        x: Quant,
        bias: Option<&(ValueId, Numbers<f32>)>,
        step: f64,
        factor: Option<u8>,
    ) -> Result<Self> {
        let value = &lower.flow.values[y];
        let w = lower.channels_of(y)?;
        let full = libm::exp2(f64::from(lower.shift()));
        let most = lower.most() as f64;
        let top = f64::from((1 << (lower.options.weight_bits - 1)) - 1);
        let floor = LEAST_MULTIPLIER * step / (x.scale * full);
        let tied = lower
            .tied(value.inputs[1])
            .filter(|tied| tied.scale >= floor);
        let (weights, scales) = match (w.source, tied) {
            (Some(exact), _) => {
                let scales = w.derived_scales(exact, floor)?;
                (w.deviates(exact, &scales)?, Some(scales))
            }
            (None, Some(tied)) => {
                let scales = vec![tied.scale; w.channels];
                (w.rounded(Some(&scales), top), Some(scales))
            }
            (None, None) => {
                let scales = w.fitting(top, floor);
                (w.rounded(scales.as_deref(), top), scales)
            }
        };
        let known = w.source.is_some() || tied.is_some() || w.numbers.known;
        let factor = match (&scales, factor) {
            (Some(scales), None) => {
                let ratio = scales.iter().copied().fold(0.0, f64::max) * x.scale / step * full;
                let fits = |n: &u8| ratio / libm::exp2(f64::from(*n)) <= most;
                let found = (0..=MOST_FACTOR).find(fits);
                // Cut, the multiplier would be another gain.
                found.ok_or_else(|| beyond(&lower.name(y)))?
            }
            (_, factor) => factor.unwrap_or(0),
        };
        let by = libm::exp2(f64::from(factor));
        let (weights, scales) = match (w.source, tied, scales) {
            // Small channels keep their gain beside those that the factor is for.
            (None, None, Some(_)) if factor > 0 => {
                let scales = w.fitting(top, floor * by);
                (w.rounded(scales.as_deref(), top), scales)
            }
            (_, _, scales) => {
                let least = scales
                    .iter()
                    .flatten()
                    .copied()
                    .fold(f64::INFINITY, f64::min);
                if least < floor * by * (NEAR_MULTIPLIER / LEAST_MULTIPLIER) {
                    return Err(beyond(&lower.name(y)));
                }
                (weights, scales)
            }
        };
        let unit = |scale: f64| scale * x.scale / by;
        let multiplier = |scale: &f64| (unit(*scale) / step * full).round().clamp(1.0, most) as i32;
        let mut multipliers = Numbers {
            values: scales
                .as_ref()
                .map(|all| all.iter().map(multiplier).collect()),
            known,
        };
        let widest = f64::from((1_u32 << (2 * lower.bits - 1)) - 1);
        let bias = match bias {
            None => None,
            Some((k, bias)) => {
                let pairs = bias.values.as_ref().zip(scales.as_ref());
                let pairs = pairs.map(|(bias, scales)| bias.iter().zip(scales));
                let steps = Numbers {
                    values: pairs.map(|all| all.map(|(b, s)| f64::from(*b) / unit(*s)).collect()),
                    known: bias.known && known,
                };
                Some(lower.rounded_all(*k, &steps, widest)?)
            }
        };
        let reached = reached(lower, x, &w, &weights, by, bias.as_ref(), &multipliers);
        if !w.by_channel {
            multipliers
                .values
                .iter_mut()
                .for_each(|all| all.truncate(1));
        }
        Ok(Self {
            weights,
            factor,
            bias,
            multipliers,
            scales: if w.by_channel { w.channels } else { 1 },
            tied: tied.map(|tied| tied.id),
            reached,
        })
    }
}

/// Bounds on `q`.
fn reached(
    lower: &Lower<'_>,
    x: Quant,
    w: &Weights<'_>,
    weights: &Option<Vec<i32>>,
    factor: f64,
    bias: Option<&Numbers<i32>>,
    multipliers: &Numbers<i32>,
) -> Option<Range> {
    let (weights, multipliers) = (weights.as_ref()?, multipliers.values.as_ref()?);
    let bias = match bias {
        Some(bias) => Some(bias.values.as_ref()?),
        None => None,
    };
    let range = lower.range(x);
    let (lo, hi) = (i128::from(range.lo.min(0)), i128::from(range.hi.max(0)));
    let mut sums = vec![(0_i128, 0_i128); w.channels];
    for (at, &v) in weights.iter().enumerate() {
        let (v, sum) = (i128::from(v), &mut sums[w.channel(at)]);
        sum.0 += if v > 0 { v * lo } else { v * hi };
        sum.1 += if v > 0 { v * hi } else { v * lo };
    }
    let half = 1_i128 << (lower.shift() - 1);
    let mut reached = Range::new(0, 0);
    for (c, sum) in sums.iter().enumerate() {
        let offset = bias.map_or(0, |bias| i128::from(bias[c]));
        let q = |sum: i128| {
            let scaled = (sum * factor as i128 + offset) * i128::from(multipliers[c]);
            let q = (scaled + half) >> lower.shift();
            i64::try_from(q).unwrap_or(if q < 0 { i64::MIN } else { i64::MAX })
        };
        reached = reached.hull(&Range::new(q(sum.0), q(sum.1)));
    }
    Some(reached)
}

impl Lower<'_> {
    /// A contraction's weights, by channel.
    fn channels_of(&self, y: ValueId) -> Result<Weights<'_>> {
        let value = &self.flow.values[y];
        let weights = value.inputs[1];
        let shape = self.flow.shape(weights);
        let by_channel = matches!(value.op, Op::Conv(_));
        let channels = if by_channel {
            shape[0]
        } else {
            shape[shape.len() - 1]
        };
        let elements: usize = shape.iter().product();
        let source = match &self.flow.values[weights].source {
            Some(Source::Exact(exact)) => Some(exact),
            // Mixed ones were refused before.
            _ => None,
        };
        Ok(Weights {
            numbers: self.numbers(weights)?,
            source,
            by_channel,
            channels,
            depth: elements / channels.max(1),
        })
    }

    /// The contraction at the least step, doubled from `step`, for which its argument fits the table
    /// whatever the inputs; and that step.
    pub(super) fn fitted(
        &mut self,
        y: ValueId,
        x: Quant,
        bias: Option<&(ValueId, Numbers<f32>)>,
        step: f64,
    ) -> Result<(Contraction, f64)> {
        let weights = self.flow.values[y].inputs[1];
        let known = !self.flow.is_weight(weights) && bias.is_none_or(|(_, numbers)| numbers.known);
        // Scales of deviates follow from the plan, those of a tied table from the table's.
        let scales_known = |lower: &Self| lower.multipliers_known(y);
        if !known && !self.tape.is_recording() {
            let step = step * libm::exp2(self.tape.doublings(None)?.into());
            let factor = match scales_known(self) {
                true => None,
                false => Some(self.tape.factor(None)?),
            };
            return Ok((Contraction::plan(self, y, x, bias, step, factor)?, step));
        }
        let domain = self.domain();
        let mut doubled = 0;
        let planned = loop {
            let step = step * libm::exp2(f64::from(doubled));
            let planned = Contraction::plan(self, y, x, bias, step, None)?;
            if planned
                .reached
                .is_some_and(|reached| domain.covers(&reached))
            {
                break planned;
            }
            if doubled == MAX_DOUBLINGS {
                return Err(InferError::Range {
                    layer: self.flow.node(y).to_string(),
                    reason: "its sums fit no table".to_owned(),
                    advice: "take larger tables or fewer activation bits",
                });
            }
            doubled += 1;
        };
        if !known {
            self.tape.doublings(Some(doubled))?;
            if !scales_known(self) {
                self.tape.factor(Some(planned.factor))?;
            }
        }
        Ok((planned, step * libm::exp2(doubled.into())))
    }

    /// Whether the multipliers of a contraction follow from the model, the plan and the profile.
    fn multipliers_known(&self, y: ValueId) -> bool {
        let weights = self.flow.values[y].inputs[1];
        let derived = self.flow.values[weights].source.is_some();
        derived || !self.flow.is_weight(weights)
    }

    /// Bounds on a contraction's real value for any inputs in their range; none without the weights.
    pub(super) fn weights_bound(
        &self,
        y: ValueId,
        x: Quant,
        bias: Option<&Numbers<f32>>,
    ) -> Result<Option<(f64, f64)>> {
        let w = self.channels_of(y)?;
        let bias = match bias.map(|bias| bias.values.as_ref()) {
            Some(None) => return Ok(None),
            Some(Some(bias)) => Some(bias),
            None => None,
        };
        let Some(values) = &w.numbers.values else {
            return Ok(None);
        };
        let range = self.range(x);
        let (lo, hi) = (
            range.lo.min(0) as f64 * x.scale,
            range.hi.max(0) as f64 * x.scale,
        );
        let mut sums = vec![(0.0_f64, 0.0_f64); w.channels];
        for (at, &v) in values.iter().enumerate() {
            let (v, sum) = (f64::from(v), &mut sums[w.channel(at)]);
            sum.0 += if v > 0.0 { v * lo } else { v * hi };
            sum.1 += if v > 0.0 { v * hi } else { v * lo };
        }
        let mut bound = (0.0_f64, 0.0_f64);
        for (c, sum) in sums.iter().enumerate() {
            let offset = bias.map_or(0.0, |bias| f64::from(bias[c]));
            bound = (bound.0.min(sum.0 + offset), bound.1.max(sum.1 + offset));
        }
        Ok(Some(bound))
    }

    /// Appends the nodes of a planned contraction.
    pub(super) fn contraction(
        &mut self,
        name: &str,
        y: ValueId,
        x: Quant,
        bias: Option<ValueId>,
        plan: Contraction,
    ) -> Result<(Pre, Multiplier)> {
        let flow = self.flow;
        let value = &flow.values[y];
        let shape = flow.shape(value.inputs[1]).to_vec();
        let bits = u32::from(self.options.weight_bits);
        let w = match plan.tied {
            Some(table) => table,
            None => {
                let from = &value.inputs[1..2];
                self.push_weights(&format!("{name}.weight"), &shape, plan.weights, bits, from)?
            }
        };
        if let Some(Source::Exact(exact)) = &flow.values[value.inputs[1]].source {
            let (sampled, elements) = (&exact.sampled, exact.numbers());
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
        let from: Vec<ValueId> = bias.into_iter().collect();
        let bias = match plan.bias {
            Some(bias) => {
                let channels = match value.op {
                    Op::Conv(_) => shape[0],
                    _ => shape[shape.len() - 1],
                };
                let shape = aligned(channels);
                let id = self.push_param(&format!("{name}.bias"), &shape, bias, &from)?;
                Some((id, 1))
            }
            None => None,
        };
        let shape = if plan.scales == 1 && spatial == 0 {
            Vec::new()
        } else {
            aligned(plan.scales)
        };
        let multiplier = self.push_multipliers(
            &format!("{name}.multiplier"),
            &shape,
            plan.multipliers,
            &value.inputs[1..2],
        )?;
        Ok((
            linear(product, 1 << plan.factor, bias),
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
        values: Option<Vec<i32>>,
        bits: u32,
        from: &[ValueId],
    ) -> Result<TensorId> {
        let id = self
            .builder
            .param(name, &dims(shape), Range::signed(bits))?;
        self.made_from(id, from);
        self.weights.extend(from.iter().map(|&value| (id, value)));
        self.params.values.extend(values.map(|v| (id, v)));
        Ok(id)
    }
}
