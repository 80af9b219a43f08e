//! [Split](https://onnx.ai/onnx/operators/onnx__Split.html): parts of an axis.
//!
//! The sizes are an input since opset 13; `num_outputs` came with 18.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Split",
    since: &[11, 13, 18],
    inputs: (1, 2),
    attrs: &["axis", "num_outputs", "split"],
    limits: "constant sizes",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    let axis = cx.axis(cx.int("axis")?.unwrap_or(0), shape.len())?;
    let given = match cx.const_ints(1, "split")? {
        Some(sizes) => Some(sizes),
        None => cx.ints("split")?,
    };
    let dim = shape[axis];
    let sizes: Vec<usize> = match given {
        Some(sizes) => sizes
            .iter()
            .map(|&size| usize::try_from(size).unwrap_or(0))
            .collect(),
        None => {
            let count = cx.outputs().max(1);
            let each = dim.div_ceil(count);
            (0..count)
                .map(|at| each.min(dim.saturating_sub(at * each)))
                .collect()
        }
    };
    if sizes.contains(&0)
        || sizes.iter().try_fold(0_usize, |acc, &s| acc.checked_add(s)) != Some(dim)
    {
        return Fault::shape(format!("parts {sizes:?} of an axis of {dim}"));
    }
    let mut from = 0;
    let mut parts = Vec::with_capacity(sizes.len());
    for size in sizes {
        parts.push(cx.part(x, axis, from, size)?);
        from += size;
    }
    Ok(parts)
}
