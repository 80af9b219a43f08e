//! [TopK](https://onnx.ai/onnx/operators/onnx__TopK.html): the `k` greatest or least elements of an axis in order, and their
//! indices; of equal ones those with lower indices come first.
//!
//! One after another: the greatest element, its index, and the axis without it.

use super::Operator;
use super::rank::Rows;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

/// Most elements taken: each goes through the whole axis.
const MOST: usize = 128;

pub(super) const OP: Operator = Operator {
    name: "TopK",
    since: &[11, 24],
    inputs: (2, 2),
    attrs: &["axis", "largest", "sorted"],
    limits: "constant k of at most 128; activations are compared after quantization; an axis of at most 32,767",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let shape = cx.shape(cx.x(0)?);
    let axis = cx.axis(cx.int("axis")?.unwrap_or(-1), shape.len())?;
    let largest = cx.flag("largest", true)?;
    // Any order will do where none is asked for.
    cx.flag("sorted", true)?;
    let given = cx.const_ints(1, "k")?.unwrap_or_default();
    let [k] = given[..] else {
        return Fault::form("its k must be one integer");
    };
    let k = match usize::try_from(k) {
        Ok(k) if k <= shape[axis] && (1..=MOST).contains(&k) => k,
        _ => {
            return Fault::form(format!(
                "its k is {k}, expected 1 to {} of an axis of {}",
                MOST.min(shape[axis]),
                shape[axis]
            ));
        }
    };
    let mut rows = Rows::new(cx, axis, largest)?;
    let (mut values, mut indices) = (Vec::with_capacity(k), Vec::with_capacity(k));
    for taken in 1..=k {
        let (value, index) = rows.greatest(cx, false)?;
        values.push(value);
        indices.push(index);
        if taken < k {
            rows.x = cx.emit(Op::Without, &[rows.x, index])?;
        }
    }
    let mut values = joined(cx, &values, shape.len() - 1)?;
    if !largest {
        values = cx.emit(Op::Reflect, &[values])?;
    }
    let indices = joined(cx, &indices, shape.len() - 1)?;
    Ok(vec![rows.restore(cx, values)?, rows.restore(cx, indices)?])
}

/// Parts of the last axis, one after another.
fn joined(cx: &mut Cx<'_>, parts: &[ValueId], axis: usize) -> OpResult<ValueId> {
    match parts {
        [part] => Ok(*part),
        parts => cx.emit(Op::Concat(axis), parts),
    }
}
