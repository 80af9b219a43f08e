//! [GroupNormalization](https://onnx.ai/onnx/operators/onnx__GroupNormalization.html): normalization of groups of channels, then scale and bias.
//!
//! In opset 18 scale and bias were per group, since 21 they are per channel.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "GroupNormalization",
    since: &[18, 21],
    inputs: (3, 3),
    attrs: &["epsilon", "num_groups", "stash_type"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let groups = cx
        .int("num_groups")?
        .and_then(|n| usize::try_from(n).ok())
        .unwrap_or(0);
    let per_channel = cx.opset() >= 21;
    grouped(cx, groups, per_channel)
}

/// Normalization of `groups` groups of channels; scale and bias are per channel or per group.
pub(super) fn grouped(cx: &mut Cx<'_>, groups: usize, per_channel: bool) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape = cx.shape(x);
    let epsilon = cx.float("epsilon", 1e-5)?;
    if epsilon < 0.0 {
        return Fault::attribute("epsilon", "it is negative");
    }
    let [batch, channels, ..] = *shape.as_slice() else {
        return Fault::shape("an axis of channels is expected");
    };
    if groups == 0 || channels % groups != 0 {
        return Fault::shape(format!("{groups} groups of {channels} channels"));
    }
    let width = shape[1..].iter().product::<usize>() / groups;
    let rows = cx.reshape(x, &[batch, groups, width])?;
    let center = true;
    let normal = cx.emit(Op::Normalize { center, epsilon }, &[rows])?;
    let (count, view) = if per_channel {
        (channels, shape.clone())
    } else {
        (groups, vec![batch, groups, width])
    };
    let mut out = cx.reshape(normal, &view)?;
    let mut aligned = vec![1; view.len() - 1];
    aligned[0] = count;
    for (slot, f) in [(1, Binary::Mul), (2, Binary::Add)] {
        let part = cx.x(slot)?;
        if cx.shape(part) != [count] {
            return Fault::shape(format!("{:?}, expected [{count}]", cx.shape(part)));
        }
        let part = cx.reshape(part, &aligned)?;
        out = cx.binary(f, out, part)?;
    }
    Ok(vec![cx.reshape(out, &shape)?])
}
