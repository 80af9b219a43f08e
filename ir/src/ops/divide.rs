//! Quotients, rounded down.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::interval::Interval;
use crate::op::Divide;
use crate::range::Range;
use crate::shape::within;
use crate::values::{Broadcast, Buffer, Values};

/// Bits that hold `num * factor`.
const NUMERATOR_BITS: u32 = 62;

pub(crate) fn infer(cx: &Context<'_>, op: &Divide) -> Result<Inferred, Fault> {
    let (num, den) = (cx.stored(op.num)?, cx.stored(op.den)?);
    cx.broadcast(op.den, &num.shape)?;
    let inside = |what, expected: Range, got: Range| match expected.covers(&got) {
        true => Ok(()),
        false => Err(Fault::OperandRange {
            what,
            expected,
            got,
        }),
    };
    inside("numerator", Range::new(0, i64::MAX), num.range)?;
    inside("denominator", Range::new(1, (1 << cx.bits) - 1), den.range)?;
    within("factor", 1, i64::MAX, op.factor)?;
    let scaled = Interval::from(num.range)
        .mul(Interval::point(op.factor.into()))
        .range(NUMERATOR_BITS)?;
    let range = Range::new(scaled.lo / den.range.hi, scaled.hi / den.range.lo);
    Ok(Inferred::new(num.shape.clone(), cx.result(range)?))
}

pub(crate) fn eval(values: &Values<'_>, op: &Divide, elements: usize) -> Buffer {
    let shape = &values.info(op.num).shape;
    let num = Broadcast::new(values, op.num, shape);
    let den = Broadcast::new(values, op.den, shape);
    Buffer::fill(elements, true, |i| num.at(i) * op.factor / den.at(i))
}
