//! [Trilu](https://onnx.ai/onnx/operators/onnx__Trilu.html): the upper or lower triangle, zeros elsewhere; a product with a constant mask.

use super::Operator;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Binary, ValueId};
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "Trilu",
    since: &[14],
    inputs: (1, 2),
    attrs: &["upper"],
    limits: "constant diagonal",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let upper = cx.flag("upper", true)?;
    let diagonal = cx
        .const_ints(1, "diagonal")?
        .and_then(|k| k.first().copied())
        .unwrap_or(0);
    let shape = cx.shape(x);
    let [.., rows, columns] = *shape.as_slice() else {
        return Fault::shape("a matrix is expected");
    };
    let kept = |row: usize, column: usize| {
        let distance = (column as i64 - row as i64).saturating_sub(diagonal);
        if upper { distance >= 0 } else { distance <= 0 }
    };
    // A mask with infinities must not meet a product with zero.
    if let Some(values) = cx.flow.constant(x).map(|tensor| tensor.to_floats()) {
        let is_int = cx.flow.values[x].is_int;
        let at = |i: usize| kept(i / columns % rows, i % columns);
        let values = values
            .iter()
            .enumerate()
            .map(|(i, &v)| if at(i) { v } else { 0.0 });
        let tensor = if is_int {
            Tensor::int(&shape, values.map(|v| v as i64).collect())
        } else {
            Tensor::float(&shape, values.collect())
        };
        return match tensor {
            Some(tensor) => Ok(vec![cx.make(tensor)?]),
            None => Fault::shape("an empty matrix"),
        };
    }
    let mask = (0..rows * columns).map(|i| f32::from(u8::from(kept(i / columns, i % columns))));
    let mask = cx.make(Tensor::made(&[rows, columns], mask.collect())?)?;
    Ok(vec![cx.binary(Binary::Mul, x, mask)?])
}
