//! [Where](https://onnx.ai/onnx/operators/onnx__Where.html): one operand where a condition holds, the other elsewhere.
//!
//! With a constant condition it is a sum of two masked operands.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Op, ValueId};
use crate::infer::tensor::{Tensor, broadcast};

pub(super) const OP: Operator = Operator {
    name: "Where",
    since: &[9, 16],
    inputs: (3, 3),
    attrs: &[],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (condition, a, b) = (cx.x(0)?, cx.x(1)?, cx.x(2)?);
    let shape = broadcast(&cx.shape(condition), &cx.shape(a))?;
    let shape = broadcast(&shape, &cx.shape(b))?;
    let Some(holds) = cx.flow.constant(condition).cloned() else {
        // c a + (1 - c) b = b + c (a - b)
        let difference = cx.binary(Binary::Sub, a, b)?;
        let chosen = cx.binary(Binary::Mul, difference, condition)?;
        return Ok(vec![cx.binary(Binary::Add, chosen, b)?]);
    };
    let parts = [(a, true), (b, false)].map(|(x, side)| masked(cx, x, &holds, side, &shape));
    let [a, b] = parts;
    let out = cx.binary(Binary::Add, a?, b?)?;
    if cx.shape(out) != shape {
        return Fault::shape("operands that do not broadcast");
    }
    Ok(vec![out])
}

/// `x` where the condition is `side`, zero elsewhere.
fn masked(
    cx: &mut Cx<'_>,
    x: ValueId,
    holds: &Tensor,
    side: bool,
    shape: &[usize],
) -> OpResult<ValueId> {
    let flags: Vec<bool> = holds
        .to_floats()
        .iter()
        .map(|&v| (v != 0.0) == side)
        .collect();
    if cx.flow.constant(x).is_none() {
        let flags = flags.iter().map(|&flag| f32::from(u8::from(flag)));
        let mask = cx.make(Tensor::made(holds.shape(), flags.collect())?)?;
        return cx.binary(Binary::Mul, x, mask);
    }
    // Constants are chosen from, not multiplied: they may be infinite.
    let wide = cx.emit(Op::Expand(shape.to_vec()), &[x])?;
    let flags = flags.iter().map(|&flag| i64::from(flag)).collect();
    let mask = Tensor::int(holds.shape(), flags);
    let Some(mask) = mask else {
        return Fault::shape("a condition without values");
    };
    let mask = cx.make(mask)?;
    let mask = cx.emit(Op::Expand(shape.to_vec()), &[mask])?;
    let (wide, mask) = (cx.constant_of(wide)?, cx.constant_of(mask)?);
    let keep = mask.ints().unwrap_or(&[]);
    let made = match (wide.ints(), wide.floats()) {
        (Some(v), _) => Tensor::int(shape, v.iter().zip(keep).map(|(&v, &m)| v * m).collect()),
        (None, Some(v)) => {
            let chosen = v
                .iter()
                .zip(keep)
                .map(|(&v, &m)| if m == 1 { v } else { 0.0 });
            Tensor::float(shape, chosen.collect())
        }
        _ => None,
    };
    match made {
        Some(tensor) => cx.make(tensor),
        None => Fault::shape("a constant without values"),
    }
}
