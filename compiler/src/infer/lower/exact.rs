//! Values whose scale is known from their operators: truth values, signs, places, and what is computed from
//! integers alone. Their scale is 1 and their range follows from the model, so there is nothing to decide.

use super::form::{Form, corners};
use super::map::{Target, linear};
use super::{Lower, Quant};
use crate::infer::error::Result;
use crate::infer::flow::{Binary, Flow, Op, Unary, Value, ValueId};
use crate::infer::program::Program;
use nascent_ir::{Multiplier, Pre, Range, Table};

/// Greatest magnitude that is followed.
const MOST: f64 = 65536.0;

/// Least and greatest of the integers that each value is made of, if its operators say so.
pub(super) fn integers(flow: &Flow) -> Vec<Option<Range>> {
    let mut made: Vec<Option<(f64, f64)>> = Vec::with_capacity(flow.values.len());
    for (id, value) in flow.values.iter().enumerate() {
        let ends = of(flow, id, value, &made);
        made.push(ends.filter(|(lo, hi)| lo.abs() <= MOST && hi.abs() <= MOST && lo <= hi));
    }
    let range = |(lo, hi): (f64, f64)| Range::new(lo as i64, hi as i64);
    made.into_iter().map(|ends| ends.map(range)).collect()
}

fn of(flow: &Flow, id: ValueId, value: &Value, made: &[Option<(f64, f64)>]) -> Option<(f64, f64)> {
    let x = |at: usize| value.inputs.get(at).and_then(|&input| made[input]);
    let width = || {
        let shape = flow.shape(value.inputs[0]);
        shape.last().copied().unwrap_or(1) as f64
    };
    match &value.op {
        Op::Constant(_) => {
            let values = flow.constant(id)?.to_floats();
            let whole = values.iter().all(|v| v.fract() == 0.0);
            let ends = values.iter().map(|&v| f64::from(v)).map(|v| (v, v));
            ends.reduce(union).filter(|_| whole)
        }
        Op::Position { .. } => Some((0.0, width() - 1.0)),
        Op::Real
        | Op::ReduceMax
        | Op::Reshape(_)
        | Op::Transpose(_)
        | Op::Slice { .. }
        | Op::Expand(_)
        | Op::Gather { .. } => x(0),
        Op::Pad { value, .. } => {
            let value = f64::from(*value);
            x(0).filter(|_| value.fract() == 0.0)
                .map(|ends| union(ends, (value, value)))
        }
        Op::Concat(_) => {
            let all = value.inputs.iter().map(|&input| made[input]);
            all.reduce(|a, b| Some(union(a?, b?))).flatten()
        }
        Op::Reflect | Op::Unary(Unary::Neg) => x(0).map(|(lo, hi)| (-hi, -lo)),
        Op::ReduceSum => x(0).map(|(lo, hi)| (lo * width(), hi * width())),
        Op::Unary(f) if f.integers().is_some() => f.integers(),
        Op::Unary(Unary::Round | Unary::Floor | Unary::Ceil) => x(0),
        Op::Unary(Unary::Relu) => x(0).map(|(lo, hi)| (lo.max(0.0), hi.max(0.0))),
        Op::Unary(Unary::Abs) => x(0).map(|(lo, hi)| (0.0, hi.max(-lo))),
        Op::Binary(f) => {
            let (a, b) = (x(0)?, x(1)?);
            match f {
                Binary::Add => Some((a.0 + b.0, a.1 + b.1)),
                Binary::Sub => Some((a.0 - b.1, a.1 - b.0)),
                Binary::Mul => Some(corners(a, b)),
                Binary::Max => Some((a.0.max(b.0), a.1.max(b.1))),
                Binary::Min => Some((a.0.min(b.0), a.1.min(b.1))),
                _ => None,
            }
        }
        _ => None,
    }
}

fn union(a: (f64, f64), b: (f64, f64)) -> (f64, f64) {
    (a.0.min(b.0), a.1.max(b.1))
}

impl Lower<'_> {
    /// Scale 1, if a value is made of integers and has no more than fit beside values of so many bits.
    pub(super) fn exact(&self, id: ValueId, bits: u8) -> Option<Target> {
        let ends = self.integers[id]?;
        let range = Range::new(ends.lo.min(0), ends.hi.max(1));
        let fits = range.magnitude() <= 1_u64 << bits;
        fits.then_some(Target { scale: 1.0, range })
    }

    /// Lowers integers that are computed from integers, without any rounding, where a table has them all.
    pub(super) fn computed(
        &mut self,
        id: ValueId,
        form: &Form,
        program: &Program,
        target: Target,
    ) -> Result<Option<Quant>> {
        let ends = |quant: &Quant| {
            let range = self.range(*quant);
            (range.lo, range.hi)
        };
        let whole = |quants: [&Quant; 2]| quants.iter().all(|quant| quant.scale == 1.0);
        let (pre, lo, hi) = match form {
            Form::Sum { a, b, sign } if whole([a, b]) => {
                let (x, y) = (ends(a), ends(b));
                match *sign > 0.0 {
                    true => (linear(a.id, 1, Some((b.id, 1))), x.0 + y.0, x.1 + y.1),
                    false => (linear(a.id, 1, Some((b.id, -1))), x.0 - y.1, x.1 - y.0),
                }
            }
            Form::Product { a, b } if whole([a, b]) => {
                let (x, y) = (ends(a), ends(b));
                let all = [x.0 * y.0, x.0 * y.1, x.1 * y.0, x.1 * y.1];
                let lo = all.iter().copied().fold(0, i64::min);
                let hi = all.iter().copied().fold(0, i64::max);
                (Pre::Product { a: a.id, b: b.id }, lo, hi)
            }
            Form::Fold { x, scale } if *scale == 1.0 => {
                let range = self.builder.info(*x).range;
                (linear(*x, 1, None), range.lo, range.hi)
            }
            _ => return Ok(None),
        };
        let domain = Range::new(lo, hi);
        if !self.domain().covers(&domain) {
            return Ok(None);
        }
        let (lo, hi) = (target.range.lo as f64, target.range.hi as f64);
        let table = Table::from_fn(&program.name(), domain, |q| {
            program.at(q as f64).clamp(lo, hi) as i64
        });
        let name = self.name(id);
        Ok(Some(Quant {
            id: self.push_map(&name, pre, Multiplier::One, table)?,
            scale: target.scale,
        }))
    }
}
