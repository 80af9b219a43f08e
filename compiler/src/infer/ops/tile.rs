//! [Tile](https://onnx.ai/onnx/operators/onnx__Tile.html): the operand repeated along each axis.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};

pub(super) const OP: Operator = Operator {
    name: "Tile",
    since: &[6, 13],
    inputs: (2, 2),
    attrs: &[],
    limits: "constant repeats",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let mut x = cx.x(0)?;
    let repeats = cx.const_ints(1, "repeats")?.unwrap_or_default();
    let shape = cx.shape(x);
    if repeats.len() != shape.len() {
        return Fault::shape(format!("{} repeats for {shape:?}", repeats.len()));
    }
    for (axis, &count) in repeats.iter().enumerate() {
        let size = usize::try_from(count)
            .ok()
            .and_then(|n| n.checked_mul(shape[axis]));
        let Some(size) = size.filter(|&size| size > 0 && size <= 1 << 28) else {
            return Fault::shape(format!("{count} repeats of an axis of {}", shape[axis]));
        };
        if count != 1 {
            let indices = (0..size).map(|at| at % shape[axis]).collect();
            x = cx.emit(Op::Gather { axis, indices }, &[x])?;
        }
    }
    Ok(vec![x])
}
