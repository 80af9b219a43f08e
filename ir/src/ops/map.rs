//! Elementwise functions with requantization.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::id::TensorId;
use crate::interval::Interval;
use crate::op::{Map, Multiplier, Pre};
use crate::range::Range;
use crate::shape::within;
use crate::table::Table;
use crate::values::{Broadcast, Buffer, Values};

/// Bits that hold `pre`, and partial sums of it.
const PRE_BITS: u32 = 62;

pub(crate) fn infer(cx: &Context<'_>, op: &Map) -> Result<Inferred, Fault> {
    let (shape, pre) = match &op.pre {
        Pre::Linear { a, ca, b, c } => linear(cx, *a, *ca, *b, *c)?,
        Pre::Product { a, b } => {
            let (x, y) = (cx.stored(*a)?, cx.stored(*b)?);
            cx.broadcast(*b, &x.shape)?;
            let range = Interval::from(x.range);
            let product = match a == b {
                true => range.square(),
                false => range.mul(y.range.into()),
            };
            (&x.shape, product)
        }
    };
    pre.range(PRE_BITS)?;
    let shift = match op.multiplier {
        Multiplier::One => 0,
        Multiplier::Const(_) | Multiplier::Param(_) => 2 * cx.bits,
    };
    if op.shift != shift {
        return Err(Fault::Shift {
            expected: shift,
            got: op.shift,
        });
    }
    let half = (1_i128 << shift) >> 1;
    let scaled = pre
        .mul(multiplier(cx, op.multiplier, shape)?)
        .add(Interval::point(half));
    // Multipliers have fewer bits than are dropped, so this is no larger than `pre`.
    let (lo, hi) = (scaled.lo >> shift, scaled.hi >> shift);

    let table = cx.table(op.table)?;
    let domain = table.domain();
    let reached = Range::new(lo as i64, hi as i64);
    let outside = Fault::Domain { lo, hi, domain };
    if !op.assumes_bound && !domain.covers(&reached) {
        return Err(outside);
    }
    let image = table.image(reached).ok_or(outside)?;
    Ok(Inferred::new(shape.clone(), cx.result(image)?))
}

fn linear<'a>(
    cx: &Context<'a>,
    a: TensorId,
    ca: i32,
    b: Option<(TensorId, i32)>,
    c: i64,
) -> Result<(&'a Vec<u32>, Interval), Fault> {
    let x = cx.tensor(a)?;
    let mut terms = vec![
        Interval::from(x.range).mul(Interval::point(ca.into())),
        Interval::point(c.into()),
    ];
    if let Some((b, cb)) = b {
        cx.broadcast(b, &x.shape)?;
        let y = cx.stored(b)?;
        terms.push(Interval::from(y.range).mul(Interval::point(cb.into())));
    }
    // Not only the sum: partial sums must not wrap either.
    let mut sum = Interval::point(0);
    for term in terms {
        term.range(PRE_BITS - 2)?;
        sum = sum.add(term);
    }
    Ok((&x.shape, sum))
}

fn multiplier(cx: &Context<'_>, multiplier: Multiplier, shape: &[u32]) -> Result<Interval, Fault> {
    let allowed = Range::new(1, (1 << (2 * cx.bits - 1)) - 1);
    match multiplier {
        Multiplier::One => Ok(Interval::point(1)),
        Multiplier::Const(value) => {
            within("multiplier", allowed.lo, allowed.hi, value.into())?;
            Ok(Interval::point(value.into()))
        }
        Multiplier::Param(id) => {
            cx.fixed(id)?;
            cx.broadcast(id, shape)?;
            let got = cx.tensor(id)?.range;
            if !allowed.covers(&got) {
                return Err(Fault::OperandRange {
                    what: "multiplier",
                    expected: allowed,
                    got,
                });
            }
            Ok(got.into())
        }
    }
}

/// The table's argument at element `i` of the result.
pub(crate) struct Argument<'a> {
    pre: PreValues<'a>,
    multiplier: Option<Broadcast<'a>>,
    constant: i64,
    shift: u8,
}

enum PreValues<'a> {
    Linear {
        a: Broadcast<'a>,
        ca: i64,
        b: Option<(Broadcast<'a>, i64)>,
        c: i64,
    },
    Product(Broadcast<'a>, Broadcast<'a>),
}

impl<'a> Argument<'a> {
    /// Of a node whose operands have values.
    pub fn new(values: &'a Values<'_>, op: &Map) -> Self {
        let a = match op.pre {
            Pre::Linear { a, .. } | Pre::Product { a, .. } => a,
        };
        let shape = &values.info(a).shape;
        let operand = |id| Broadcast::new(values, id, shape);
        let pre = match op.pre {
            Pre::Linear { a, ca, b, c } => PreValues::Linear {
                a: operand(a),
                ca: ca.into(),
                b: b.map(|(b, cb)| (operand(b), cb.into())),
                c,
            },
            Pre::Product { a, b } => PreValues::Product(operand(a), operand(b)),
        };
        let (multiplier, constant) = match op.multiplier {
            Multiplier::One => (None, 1),
            Multiplier::Const(value) => (None, value.into()),
            Multiplier::Param(id) => (Some(operand(id)), 1),
        };
        Self {
            pre,
            multiplier,
            constant,
            shift: op.shift,
        }
    }

    /// `q`, inside the table or not.
    pub fn at(&self, i: usize) -> i64 {
        let pre = match &self.pre {
            PreValues::Linear { a, ca, b, c } => {
                let b = b.as_ref().map_or(0, |(b, cb)| cb * b.at(i));
                ca * a.at(i) + b + c
            }
            PreValues::Product(a, b) => a.at(i) * b.at(i),
        };
        if self.shift == 0 {
            return pre;
        }
        let multiplier = (self.multiplier.as_ref()).map_or(self.constant, |m| m.at(i));
        let product = i128::from(pre) * i128::from(multiplier);
        ((product + (1 << (self.shift - 1))) >> self.shift) as i64
    }
}

/// Values of the result, or the first element outside of the table and its argument.
pub(crate) fn eval(
    values: &Values<'_>,
    op: &Map,
    table: &Table,
    elements: usize,
) -> Result<Buffer, (usize, i64)> {
    let argument = Argument::new(values, op);
    let found = Buffer::try_fill(elements, |i| table.get(argument.at(i)));
    found.ok_or_else(|| {
        let all = (0..elements).map(|i| (i, argument.at(i)));
        let mut outside = all.filter(|&(_, q)| table.get(q).is_none());
        outside.next().unwrap_or_default()
    })
}
