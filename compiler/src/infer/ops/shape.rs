//! [Shape](https://onnx.ai/onnx/operators/onnx__Shape.html): the dimensions as a list of integers; all are known.
//!
//! `start` and `end` came with opset 15.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::OpResult;
use crate::infer::flow::ValueId;
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "Shape",
    since: &[1, 13, 15, 19, 21, 23, 24, 25],
    inputs: (1, 1),
    attrs: &["end", "start"],
    limits: "",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let shape: Vec<i64> = cx.shape(x).iter().map(|&dim| dim as i64).collect();
    let rank = shape.len() as i64;
    let bound = |at: i64| {
        let at = if at < 0 { at.saturating_add(rank) } else { at };
        at.clamp(0, rank) as usize
    };
    let start = bound(cx.int("start")?.unwrap_or(0));
    let end = bound(cx.int("end")?.unwrap_or(rank)).max(start);
    Ok(vec![cx.make(Tensor::list(&shape[start..end]))?])
}
