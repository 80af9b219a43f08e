//! Shape and range of one node's result, from its operands.

use crate::context::{Context, Inferred};
use crate::error::Fault;
use crate::graph::TensorInfo;
use crate::op::Op;
use crate::range::Range;
use crate::shape::{self, equal};
use crate::{ops, views};

/// Shape and range of `op`'s result. `declared` is used for leaves only.
pub(crate) fn infer(cx: &Context<'_>, op: &Op, declared: &TensorInfo) -> Result<Inferred, Fault> {
    // First, so that every later fault is about operands that exist.
    for operand in op.operands() {
        cx.tensor(operand)?;
    }
    let inferred = match op {
        Op::Input => input(cx, declared)?,
        Op::Param => param(cx, declared)?,
        Op::Constant { values } => constant(cx, declared, values)?,
        Op::MatMul(op) => ops::matmul::infer(cx, op)?,
        Op::Conv(op) => ops::conv::infer(cx, op)?,
        Op::Map(op) => ops::map::infer(cx, op)?,
        Op::FoldMax { x } => ops::fold::infer_max(cx, *x)?,
        Op::FoldSum { x } => ops::fold::infer_sum(cx, *x)?,
        Op::Divide(op) => ops::divide::infer(cx, op)?,
        Op::View(view) => views::infer(cx, view)?,
        Op::Embed(op) => ops::embed::infer(cx, op)?,
    };
    shape::elements(&inferred.shape)?;
    Ok(inferred)
}

fn input(cx: &Context<'_>, declared: &TensorInfo) -> Result<Inferred, Fault> {
    let range = declared.range;
    if range.lo > range.hi || !Range::twos(2 * u32::from(cx.bits)).covers(&range) {
        return Err(Fault::Declared {
            expected: "inputs have 2 table_bits",
            got: range,
        });
    }
    Ok(Inferred::new(declared.shape.clone(), range))
}

fn param(cx: &Context<'_>, declared: &TensorInfo) -> Result<Inferred, Fault> {
    let range = declared.range;
    if range.lo > range.hi || !Range::twos(2 * u32::from(cx.bits)).covers(&range) {
        return Err(Fault::Declared {
            expected: "parameters have 2 table_bits",
            got: range,
        });
    }
    Ok(Inferred::new(declared.shape.clone(), range))
}

fn constant(cx: &Context<'_>, declared: &TensorInfo, values: &[i32]) -> Result<Inferred, Fault> {
    let elements = shape::elements(&declared.shape)?;
    equal("values", elements, values.len() as u64)?;
    let range = Range::of(values.iter().map(|&v| v.into())).unwrap_or(Range::new(0, 0));
    Ok(Inferred::new(declared.shape.clone(), cx.result(range)?))
}
