//! One `Map` for an argument and the elementwise functions after it.

use super::form::Form;
use super::{
    LEAST_HEADROOM, Layer, Lower, MOST_TABLE_WORK, Numbers, Quant, grid, magnitude, rounded,
};
use crate::infer::error::{InferError, Result};
use crate::infer::flow::{Binary, Op, ValueId};
use crate::infer::profile::MAX_DOUBLINGS;
use crate::infer::program::Program;
use nascent_ir::{MatMul, Multiplier, Op as Node, Pre, Range, Table, TensorId};
use std::collections::BTreeSet;

/// Scale and bounds of a result.
#[derive(Debug, Clone, Copy)]
pub(super) struct Target {
    pub(super) scale: f64,
    pub(super) range: Range,
}

/// A `Map`'s argument.
struct Argument {
    pre: Pre,
    multiplier: Multiplier,
}

impl Lower<'_> {
    /// Lowers a value that is an elementwise function of an argument.
    pub(super) fn map(&mut self, id: ValueId) -> Result<()> {
        let program = Program::new(self.flow, id);
        let form = self.form(id)?;
        let known = self.is_known(&form);
        let most = self.bound(&form)?.map(|(lo, hi)| lo.abs().max(hi.abs()));
        let exact = self.exact(id, self.value_bits(id));
        let mut target = match exact {
            Some(target) => target,
            None => self.target(id, &form, &program, most)?,
        };
        let slopes = program.slopes().map(|(p, n)| {
            let gain = p.abs().max(n.abs());
            if gain > 0.0 {
                (p / gain, n / gain, gain)
            } else {
                (0.0, 0.0, 1.0)
            }
        });
        let name = self.name(id);
        let computed = match exact {
            Some(target) => self.computed(id, &form, &program, target)?,
            None => None,
        };
        let quant = if let Some(quant) = computed {
            (quant.id, 0.0)
        } else if let Form::Plain { x } = form {
            if exact.is_none() && slopes.is_some_and(|(_, _, gain)| gain == 1.0) {
                target.scale = target.scale.max(x.scale);
            }
            let table = self.table(id, &program, self.range(x), x.scale, target)?;
            let pre = linear(x.id, 1, None);
            let id = self.push_map(&name, pre, Multiplier::One, table)?;
            (id, 0.0)
        } else {
            // One step of q for one step of the result is enough where the function is linear.
            let wanted = match slopes {
                Some((_, _, gain)) => target.scale / gain,
                None => 0.0,
            };
            let room = self.limit() as f64 - 1.0;
            let least = most.map(|most| most.max(f64::MIN_POSITIVE) / room);
            let step = match (slopes, least) {
                (None, Some(least)) if known => grid(least),
                (None, least) => self.tape.step(least)?,
                (Some(_), least) => {
                    let made = least.map(|least| doublings(wanted, |step| step >= least));
                    let doubled = match made {
                        Some(doubled) if known => doubled,
                        made => self.tape.doublings(made)?,
                    };
                    wanted * libm::exp2(doubled.into())
                }
            };
            let (argument, step) = self.argument(id, &form, step)?;
            if let Form::Offset {
                mask: Some(mask), ..
            } = form
                && target.scale + 2.0 * mask.gain * step > ROUNDED
            {
                return Err(self.unmasked(id));
            }
            let usual = self.options.activation_bits.min(self.bits - 2);
            let headroom = match slopes {
                Some(_) => libm::log2(wanted / step),
                // Truth values have no finer steps to lose.
                None if exact.is_some() => -libm::log2(step) - f64::from(usual),
                None => libm::log2(target.scale / step),
            };
            let headroom = headroom + f64::from(self.value_bits(id).saturating_sub(usual));
            if headroom < LEAST_HEADROOM {
                return Err(self.too_coarse(id, headroom));
            }
            let table = match slopes {
                Some((p, n, _)) => self.slopes_table(&program, (p, n), step / wanted, target),
                None => self.table(id, &program, self.domain(), step, target)?,
            };
            (
                self.push_map(&name, argument.pre, argument.multiplier, table)?,
                headroom,
            )
        };
        let (tensor, headroom) = quant;
        let quant = Quant {
            id: tensor,
            scale: target.scale,
        };
        self.made[id] = Some(quant);
        self.layers.push(Layer {
            value: id,
            quant,
            nodes: self.covered(id),
            headroom,
            masked: self.masked.get(&id).copied(),
        });
        Ok(())
    }

    fn too_coarse(&self, id: ValueId, headroom: f64) -> InferError {
        InferError::Range {
            layer: self.flow.node(id).to_string(),
            reason: format!(
                "its values can be 2^{:.0} times as large as those of the samples, too much for tables of {} bits",
                f64::from(self.bits) - 1.0 - headroom,
                self.bits
            ),
            advice: "take larger tables, fewer activation bits, or give samples with larger values",
        }
    }

    fn unmasked(&self, id: ValueId) -> InferError {
        InferError::Range {
            layer: self.flow.node(id).to_string(),
            reason: "its steps are too coarse to tell what is masked from what is not".to_owned(),
            advice: "take larger tables, fewer activation bits, or samples with smaller values",
        }
    }

    /// ONNX nodes that a fused value covers.
    fn covered(&self, id: ValueId) -> Vec<usize> {
        let flow = self.flow;
        let root = flow.values[id].root;
        let mut nodes = BTreeSet::new();
        let mut next = vec![id];
        while let Some(at) = next.pop() {
            let value = &flow.values[at];
            nodes.insert(value.node);
            let inputs = value.inputs.iter().copied();
            if at != root {
                next.extend(inputs.filter(|&input| !flow.is_constant(input)));
            } else if let (Op::Binary(Binary::Add), [y, _]) = (&value.op, value.inputs.as_slice())
                && flow.has_weights(*y)
            {
                nodes.insert(flow.values[*y].node);
            }
        }
        nodes.into_iter().collect()
    }

    /// Scale and bounds of a value.
    ///
    /// A value that is zero on all samples gets a scale from the bound of its argument.
    fn target(
        &mut self,
        id: ValueId,
        form: &Form,
        program: &Program,
        bound: Option<f64>,
    ) -> Result<Target> {
        let stats = self.stats(id);
        let calibration = self.options.calibration;
        let mut magnitude = stats.map(|stats| stats.magnitude(calibration));
        if magnitude == Some(0.0) {
            magnitude = bound;
        }
        let points = (-24..24).map(|power| libm::exp2(f64::from(power)));
        let positive = points
            .flat_map(|x| [x, -x])
            .all(|x| program.at(x) >= 0.0 || program.at(x).is_nan());
        let unsigned = positive && self.tape.unsigned(stats.map(|stats| stats.lo >= 0.0))?;
        let mut bits = self.value_bits(id);
        let mut least = 0.0;
        if let Form::Offset {
            mask: Some(mask), ..
        } = form
        {
            // Samples say what masks are in the file, which is not what they become.
            least = mask.least();
            magnitude = magnitude.map(|_| least);
            bits = self.fine_bits();
            self.masked.insert(id, least);
        }
        let hi = if unsigned {
            (1 << bits) - 1
        } else {
            (1 << (bits - 1)) - 1
        };
        let scale = self.step(magnitude, hi)?;
        if scale * hi as f64 + ROUNDED < least {
            return Err(self.unmasked(id));
        }
        Ok(Target {
            scale,
            range: Range::new(if unsigned { 0 } else { -hi }, hi),
        })
    }

    /// Bits of a value: more for outputs, and for what is summed, normalized or exponentiated.
    fn value_bits(&self, id: ValueId) -> u8 {
        let fine = self.fine_bits();
        let usual = self.options.activation_bits.min(self.bits - 2);
        if self.flow.outputs.iter().any(|(_, output)| *output == id) {
            return fine;
        }
        if self.is_ranked(id) {
            return fine;
        }
        let readers = self.readers[id]
            .iter()
            .map(|&reader| &self.flow.values[reader].op);
        let each = readers.map(|op| match op {
            Op::Softmax | Op::Normalize { .. } => fine,
            Op::Binary(_) => fine.min(usual + 2),
            _ => usual,
        });
        each.max().unwrap_or(usual)
    }

    /// Whether a value's elements are compared with each other, perhaps in another arrangement.
    fn is_ranked(&self, id: ValueId) -> bool {
        let mut next = vec![id];
        while let Some(id) = next.pop() {
            for &reader in &self.readers[id] {
                match &self.flow.values[reader].op {
                    Op::Position { .. } | Op::Reflect => return true,
                    Op::Reshape(_) | Op::Transpose(_) | Op::Slice { .. } => next.push(reader),
                    _ => {}
                }
            }
        }
        false
    }

    /// The table of a function that scales.
    fn slopes_table(
        &self,
        program: &Program,
        (p, n): (f64, f64),
        steps: f64,
        target: Target,
    ) -> Table {
        let clamp = |v: f64| {
            (v + 0.5)
                .floor()
                .clamp(target.range.lo as f64, target.range.hi as f64) as i64
        };
        Table::from_fn(&program.name(), self.domain(), |q| {
            let q = q as f64;
            clamp(q * steps * if q < 0.0 { n } else { p })
        })
    }

    /// The table of a function.
    ///
    /// A range that begins at 0 is for a function that is never negative: below a step, it would be cut.
    fn table(
        &self,
        id: ValueId,
        program: &Program,
        domain: Range,
        step: f64,
        target: Target,
    ) -> Result<Table> {
        let arguments = u64::try_from(domain.hi - domain.lo).unwrap_or(u64::MAX);
        let work = arguments.saturating_mul(2 * program.len() as u64);
        match self.table_work.get().checked_sub(work) {
            Some(left) => self.table_work.set(left),
            None => {
                return Err(InferError::TooLarge {
                    what: "steps of functions that become tables".to_owned(),
                    got: MOST_TABLE_WORK - self.table_work.get() + work,
                    limit: MOST_TABLE_WORK,
                });
            }
        }
        let negative = |q: i64| program.at(q as f64 * step) < -target.scale;
        if target.range.lo == 0 && (domain.lo..=domain.hi).any(negative) {
            return Err(InferError::Range {
                layer: self.flow.node(id).to_string(),
                reason: "its function is negative somewhere, where no sample was".to_owned(),
                advice: "give samples with such values",
            });
        }
        Ok(Table::real(
            &program.name(),
            domain,
            step,
            target.scale,
            target.range,
            |x| program.at(x),
        ))
    }

    /// Makes the nodes of an argument so that `q` counts steps of at least `step`.
    fn argument(&mut self, id: ValueId, form: &Form, step: f64) -> Result<(Argument, f64)> {
        let root = self.flow.values[id].root;
        let name = self.name(root);
        let made = match form {
            Form::Weights { y, x, bias } => {
                let (planned, step) = self.fitted(*y, *x, bias.as_ref(), step)?;
                let bias = bias.as_ref().map(|(k, _)| *k);
                let (pre, multiplier) = self.contraction(&name, *y, *x, bias, planned)?;
                return Ok((Argument { pre, multiplier }, step));
            }
            Form::Activations { a, b, .. } => {
                let op = Node::MatMul(MatMul {
                    a: a.id,
                    b: b.id,
                    transpose_b: false,
                });
                let y = self.builder.push(&format!("{name}.product"), op)?;
                self.scaled(&name, linear(y, 1, None), a.scale * b.scale, step)?
            }
            Form::Fold { x, scale } => self.scaled(&name, linear(*x, 1, None), *scale, step)?,
            Form::Sum { a, b, sign } => {
                let (ca, cb, unit) = coefficients(a.scale, b.scale);
                let signed = if *sign < 0.0 { -cb } else { cb };
                let pre = linear(a.id, ca, Some((b.id, signed)));
                let (argument, step) = self.scaled(&name, pre, unit, step)?;
                for (term, factor) in [(a, ca), (b, cb)] {
                    self.keeps_gain(&name, *term, f64::from(factor) * unit, step)?;
                }
                (argument, step)
            }
            Form::Offset { a, k, mask } => {
                let most = f64::from((1_u32 << (2 * self.bits - 2)) - 1);
                let times = self.offset_steps(*a, step, most);
                let unit = a.scale / f64::from(times);
                let offsets = self.offsets(*k, *mask);
                let values = self.rounded_all(root, &offsets.map(|v| v / unit), most)?;
                self.keeps_constants(&name, &offsets, &values, (unit, 1.0), step)?;
                let shape = self.flow.shape(*k).to_vec();
                let k = self.push_param(&format!("{name}.offset"), &shape, values, &[*k])?;
                self.scaled(&name, linear(a.id, times, Some((k, 1))), unit, step)?
            }
            Form::Scaled { a, k } => {
                let numbers = self.numbers(*k)?;
                let most = numbers.values.as_deref().map(magnitude);
                let hi = f64::from((1 << (self.fine_bits() - 1)) - 1);
                let unit = match most.map(|most| most.max(1e-9) / hi) {
                    Some(unit) if numbers.known => unit,
                    made => self.tape.unit(made)?,
                };
                let factors = numbers.map(|&v| f64::from(v));
                let values = factors.map(|v| rounded(v / unit, hi));
                self.keeps_constants(&name, &factors, &values, (unit, self.reach(*a)), step)?;
                let shape = self.flow.shape(*k).to_vec();
                let k = self.push_param(&format!("{name}.factor"), &shape, values, &[*k])?;
                let pre = Pre::Product { a: a.id, b: k };
                self.scaled(&name, pre, a.scale * unit, step)?
            }
            Form::Product { a, b } => {
                let pre = Pre::Product { a: a.id, b: b.id };
                let unit = a.scale * b.scale;
                // What is no finer than asked for is counted as it is: the product with a truth value.
                let all = self
                    .range(*a)
                    .magnitude()
                    .saturating_mul(self.range(*b).magnitude());
                let few = i64::try_from(all).is_ok_and(|all| all <= self.limit());
                if few && unit * 2.0 > step {
                    let multiplier = Multiplier::One;
                    return Ok((Argument { pre, multiplier }, unit));
                }
                self.scaled(&name, pre, a.scale * b.scale, step)?
            }
            Form::Plain { x } => self.scaled(&name, linear(x.id, 1, None), x.scale, step)?,
        };
        Ok(made)
    }

    /// A step, doubled until it fits. Steps come from profiles, which anyone can write.
    pub(super) fn doubled(&self, name: &str, step: f64, fits: impl Fn(f64) -> bool) -> Result<f64> {
        let sound = step.is_normal() && step > 0.0;
        let mut steps = (0..=MAX_DOUBLINGS).map(|n| step * libm::exp2(n.into()));
        let found = steps.find(|step| sound && step.is_finite() && fits(*step));
        found.ok_or_else(|| beyond(name))
    }

    /// Chooses the multiplier that turns an argument of scale `unit` into steps of `step`, or of a
    /// little more where the argument itself is not finer.
    pub(super) fn scaled_pre(
        &self,
        name: &str,
        pre: Pre,
        unit: f64,
        step: f64,
    ) -> Result<(Pre, Multiplier, f64)> {
        let full = libm::exp2(f64::from(self.shift()));
        let most = self.most() as f64 / full;
        if !(unit.is_normal() && unit > 0.0 && step.is_normal() && step > 0.0) {
            return Err(beyond(name));
        }
        match pre {
            Pre::Linear { a, ca, b, c } => {
                let mut powers = 0..=30_u32;
                let fits = |n: &u32| unit / libm::exp2(f64::from(*n)) / step <= most;
                let by = 1_i32 << powers.find(fits).ok_or_else(|| beyond(name))?;
                let times = |factor: i32| factor.checked_mul(by).ok_or_else(|| beyond(name));
                let b = match b {
                    Some((b, cb)) => Some((b, times(cb)?)),
                    None => None,
                };
                let c = c.checked_mul(by.into()).ok_or_else(|| beyond(name))?;
                let pre = Pre::Linear {
                    a,
                    ca: times(ca)?,
                    b,
                    c,
                };
                let multiplier = unit / f64::from(by) / step * full;
                let multiplier = self.near(name, &pre, multiplier)?;
                Ok((pre, multiplier, step))
            }
            Pre::Product { .. } => {
                let step = self.doubled(name, step, |step| unit / step <= most)?;
                let multiplier = self.near(name, &pre, unit / step * full)?;
                Ok((pre, multiplier, step))
            }
        }
    }

    /// The multiplier as an integer. One that is far from it would be another gain than the model's,
    /// unless the result is zero either way.
    fn near(&self, name: &str, pre: &Pre, multiplier: f64) -> Result<Multiplier> {
        let whole = multiplier.round().max(1.0);
        if multiplier < NEAR_MULTIPLIER {
            let most = |id: TensorId| self.builder.info(id).range.magnitude() as f64;
            let largest = match *pre {
                Pre::Linear { a, ca, b, c } => {
                    let term = |id, factor: i32| most(id) * f64::from(factor).abs();
                    let b = b.map_or(0.0, |(b, cb)| term(b, cb));
                    term(a, ca) + b + (c as f64).abs()
                }
                Pre::Product { a, b } => most(a) * most(b),
            };
            if largest * multiplier.max(whole) >= libm::exp2(f64::from(self.shift()) - 1.0) {
                return Err(beyond(name));
            }
        }
        Ok(Multiplier::Const(whole as u32))
    }

    /// A term of a sum whose factor is far from its scale would be another gain than the model's, unless
    /// what it is off by is below half a step, whatever the term.
    fn keeps_gain(&self, name: &str, term: Quant, factor: f64, step: f64) -> Result<()> {
        let off = (factor - term.scale).abs();
        let steps = self.range(term).magnitude() as f64 * off / step;
        if off * 2.0 * NEAR_MULTIPLIER > term.scale && steps > 0.5 {
            return Err(beyond(name));
        }
        Ok(())
    }

    /// Constants of the model that became integers of `unit`, and what one is multiplied with at most:
    /// likewise.
    fn keeps_constants(
        &self,
        name: &str,
        real: &Numbers<f64>,
        made: &Numbers<i32>,
        (unit, most): (f64, f64),
        step: f64,
    ) -> Result<()> {
        let (Some(all), Some(made), true) = (&real.values, &made.values, real.known) else {
            return Ok(());
        };
        let keeps = all.iter().zip(made).all(|(real, made)| {
            let off = (f64::from(*made) * unit - real).abs();
            off * 2.0 * NEAR_MULTIPLIER <= real.abs() || off * most <= step
        });
        if keeps { Ok(()) } else { Err(beyond(name)) }
    }

    /// Steps of an added constant for each step of the activation: no coarser than the argument's.
    fn offset_steps(&self, a: Quant, step: f64, most: f64) -> i32 {
        let magnitude = self.range(a).magnitude() as f64;
        let all = (OFFSET_BITS..=MOST_OFFSET_BITS).map(|bits| 1 << bits);
        let fitting = all.take_while(|&times| f64::from(times) * magnitude <= most);
        let mut last = 1 << OFFSET_BITS;
        for times in fitting {
            last = times;
            if a.scale / f64::from(times) <= step {
                break;
            }
        }
        last
    }

    fn scaled(&mut self, name: &str, pre: Pre, unit: f64, step: f64) -> Result<(Argument, f64)> {
        let (pre, multiplier, step) = self.scaled_pre(name, pre, unit, step)?;
        Ok((Argument { pre, multiplier }, step))
    }

    /// The table of the identity, for results whose range is proved.
    pub(super) fn plain_identity(&self) -> Table {
        Table::from_fn("identity", self.domain(), |q| q)
    }

    /// The same real numbers with another scale, saturated.
    pub(super) fn rescaled(&mut self, name: &str, x: Quant, target: Target) -> Result<Quant> {
        let most = self.reach(x);
        let room = self.limit() as f64 - 1.0;
        let step = self.doubled(name, target.scale, |step| most / step <= room)?;
        let pre = linear(x.id, 1, None);
        let (pre, multiplier, step) = self.scaled_pre(name, pre, x.scale, step)?;
        let clamp = |v: f64| {
            (v + 0.5)
                .floor()
                .clamp(target.range.lo as f64, target.range.hi as f64) as i64
        };
        let steps = step / target.scale;
        let table = Table::from_fn("identity", self.domain(), |q| clamp(q as f64 * steps));
        Ok(Quant {
            id: self.push_map(name, pre, multiplier, table)?,
            scale: target.scale,
        })
    }
}

/// Steps that no integers stand for.
pub(super) fn beyond(name: &str) -> InferError {
    InferError::Range {
        layer: format!("layer {name:?}"),
        reason: "the steps of its operands and of its result are too far apart".to_owned(),
        advice: "give samples with values of usual size; a profile with such steps is refused",
    }
}

/// How often a step is to be doubled until it fits, at most as often as a profile can say.
pub(super) fn doublings(step: f64, fits: impl Fn(f64) -> bool) -> u8 {
    let doubled = |n: &u8| fits(step * libm::exp2(f64::from(*n)));
    (0..MAX_DOUBLINGS).find(doubled).unwrap_or(MAX_DOUBLINGS)
}

/// Least multiplier that is near enough to the one that it stands for: within a thirty-second.
pub(super) const NEAR_MULTIPLIER: f64 = 16.0;

/// Most that roundings take of the distance of what is masked: with nine left of [`MASKED`], an
/// exponential is below `2^-13`.
const ROUNDED: f64 = 3.0;

/// Least and most binary digits of an added constant below a step of the activation.
const OFFSET_BITS: u32 = 6;
const MOST_OFFSET_BITS: u32 = 12;

pub(super) fn linear(a: TensorId, ca: i32, b: Option<(TensorId, i32)>) -> Pre {
    Pre::Linear { a, ca, b, c: 0 }
}

/// Integer factors with the ratio of two scales, and the scale of the sum.
fn coefficients(a: f64, b: f64) -> (i32, i32, f64) {
    let least = a.min(b);
    let ratio = a.max(b) / least;
    let power = libm::log2(ratio);
    let exact = (power - power.round()).abs() < 1e-9;
    let steps = if exact { 1.0 } else { 256.0 };
    // Beyond this the smaller one is below a step of the larger one.
    let unit = (least / steps).max(a.max(b) / 65536.0);
    ((a / unit).round() as i32, (b / unit).round() as i32, unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coefficients_keep_the_ratio() {
        assert_eq!(coefficients(0.5, 0.125), (4, 1, 0.125));
        let (a, b, unit) = coefficients(1.0, 1.0 / 3.0);
        assert!((f64::from(a) * unit - 1.0).abs() < 2e-3);
        assert!((f64::from(b) * unit - 1.0 / 3.0).abs() < 2e-3);
        assert_eq!(coefficients(1.0, 1e-9).1, 0);
    }
}
