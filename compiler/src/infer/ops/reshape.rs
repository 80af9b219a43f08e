//! [Reshape](https://onnx.ai/onnx/operators/onnx__Reshape.html): another shape for the same elements; 0 keeps a dimension, -1 is what is left.
//!
//! `allowzero` came with opset 14.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;

pub(super) const OP: Operator = Operator {
    name: "Reshape",
    since: &[5, 13, 14, 19, 21, 23, 24, 25],
    inputs: (2, 2),
    attrs: &["allowzero"],
    limits: "constant shape",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let from = cx.shape(x);
    let wanted = cx.const_ints(1, "shape")?.unwrap_or_default();
    let allow_zero = cx.flag("allowzero", false)?;
    let mut free = None;
    let mut shape = Vec::with_capacity(wanted.len());
    for (at, &dim) in wanted.iter().enumerate() {
        shape.push(match (dim, from.get(at)) {
            (0, Some(&same)) if !allow_zero => same,
            (-1, _) if free.is_none() => {
                free = Some(at);
                1
            }
            (1.., _) => usize::try_from(dim).unwrap_or(usize::MAX),
            (0, _) if allow_zero => 0,
            _ => return Fault::shape(format!("{from:?} to {wanted:?}")),
        });
    }
    if let Some(at) = free {
        let total: usize = from.iter().product();
        let rest = shape
            .iter()
            .try_fold(1_usize, |acc, &dim| acc.checked_mul(dim));
        match rest {
            Some(rest @ 1..) if total.is_multiple_of(rest) => shape[at] = total / rest,
            _ => return Fault::shape(format!("{from:?} to {wanted:?}")),
        }
    }
    Ok(vec![cx.reshape(x, &shape)?])
}
