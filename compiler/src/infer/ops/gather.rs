//! [Gather](https://onnx.ai/onnx/operators/onnx__Gather.html): chosen elements of an axis; with integer inputs as indices, an embedding.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Gather",
    since: &[11, 13],
    inputs: (2, 2),
    attrs: &["axis"],
    limits: "constant indices, or a constant table of two axes with `axis` 0",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let (x, at) = (cx.x(0)?, cx.x(1)?);
    let shape = cx.shape(x);
    let axis = cx.axis(cx.int("axis")?.unwrap_or(0), shape.len())?;
    if !cx.flow.is_constant(at) {
        if axis != 0 || shape.len() != 2 || !cx.flow.is_constant(x) {
            return Fault::form("indices that depend on the input need a constant table");
        }
        return Ok(vec![cx.emit(Op::Embed, &[x, at])?]);
    }
    let dim = shape[axis] as i64;
    let picked = cx.const_ints(1, "indices")?.unwrap_or_default();
    let inside = |&i: &i64| {
        let shifted = if i < 0 { i.checked_add(dim)? } else { i };
        usize::try_from(shifted).ok().filter(|&i| i < shape[axis])
    };
    let Some(indices) = picked.iter().map(inside).collect::<Option<Vec<_>>>() else {
        return Fault::shape(format!("an index is outside of an axis of {dim}"));
    };
    let out = cx.emit(Op::Gather { axis, indices }, &[x])?;
    let made = [&shape[..axis], &cx.shape(at), &shape[axis + 1..]].concat();
    Ok(vec![cx.reshape(out, &made)?])
}
