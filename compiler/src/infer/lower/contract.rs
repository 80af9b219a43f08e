//! Contractions with constant weights: rounding, biases, multipliers, and the proved bound.

use super::map::linear;
use super::{Lower, Quant, dims, rounded};
use crate::infer::error::Result;
use crate::infer::flow::{Op, ValueId};
use nascent_ir::{Conv, MatMul, Multiplier, Op as Node, Pre, Range, TensorId};

/// Least multiplier: keeps channels of tiny weights from losing their precision to rounding, and
/// biases in their range.
const LEAST_MULTIPLIER: f64 = 64.0;

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
        let mut peaks = vec![0.0_f64; channels];
        for (at, &v) in w.iter().enumerate() {
            let peak = &mut peaks[channel(at)];
            *peak = peak.max(f64::from(v.abs()));
        }
        if !by_channel {
            // One scale for a whole matrix.
            let most = peaks.iter().copied().fold(0.0, f64::max);
            peaks.fill(most);
        }
        let full = libm::exp2(f64::from(lower.shift()));
        let most = lower.most() as f64;
        let top = f64::from((1 << (lower.options.weight_bits - 1)) - 1);
        let floor = LEAST_MULTIPLIER * step / (x.scale * full);
        let tied = lower
            .tied(value.inputs[1])
            .filter(|tied| tied.scale >= floor);
        let scales: Vec<f64> = match tied {
            Some(tied) => vec![tied.scale; channels],
            None => peaks.iter().map(|peak| (peak / top).max(floor)).collect(),
        };
        let ratio = scales.iter().copied().fold(0.0, f64::max) * x.scale / step * full;
        let mut factor = 1;
        while ratio / f64::from(factor) > most {
            factor *= 2;
        }
        let weights: Vec<i32> = w
            .iter()
            .enumerate()
            .map(|(at, &v)| rounded(f64::from(v) / scales[channel(at)], top))
            .collect();
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
