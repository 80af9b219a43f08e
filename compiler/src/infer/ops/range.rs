//! [Range](https://onnx.ai/onnx/operators/onnx__Range.html): start, start + delta, ... below limit, of constants.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "Range",
    since: &[11],
    inputs: (3, 3),
    attrs: &[],
    limits: "constants, at most 2^24 numbers",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let is_int = cx.constant(0, "start")?.is_int();
    let mut parts = [0.0; 3];
    for (slot, part) in parts.iter_mut().enumerate() {
        *part = cx
            .const_float(slot, "start, limit or delta")?
            .unwrap_or(0.0);
    }
    let [start, limit, delta] = parts;
    let count = ((limit - start) / delta).ceil().max(0.0);
    if !count.is_finite() || count > f64::from(1 << 24) {
        return Fault::form(format!("{count} numbers, at most 2^24 are supported"));
    }
    let values = (0..count as i64).map(|i| start + i as f64 * delta);
    let tensor = if is_int {
        Tensor::list(&values.map(|v| v as i64).collect::<Vec<_>>())
    } else {
        let values: Vec<f32> = values.map(|v| v as f32).collect();
        Tensor::made(&[values.len()], values)?
    };
    Ok(vec![cx.make(tensor)?])
}
