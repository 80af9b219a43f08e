//! [Constant](https://onnx.ai/onnx/operators/onnx__Constant.html): a tensor in an attribute.

use super::Operator;
use crate::graph::Attr;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::ValueId;
use crate::infer::tensor::Tensor;

pub(super) const OP: Operator = Operator {
    name: "Constant",
    since: &[11, 12, 13, 19, 21, 23, 24, 25],
    inputs: (0, 0),
    attrs: &[
        "value",
        "value_float",
        "value_floats",
        "value_int",
        "value_ints",
    ],
    limits: "no strings, no sparse tensors",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let mut attrs = cx.attrs().iter();
    let (Some((_, attr)), None) = (attrs.next(), attrs.next()) else {
        return Fault::form("exactly one attribute is expected");
    };
    let made = match attr {
        Attr::Tensor(_) => cx.tensor("value")?,
        Attr::Float(v) => Tensor::float(&[], vec![*v]),
        Attr::Floats(v) => Tensor::float(&[v.len()], v.clone()),
        Attr::Int(v) => Tensor::int(&[], vec![*v]),
        Attr::Ints(v) => Tensor::int(&[v.len()], v.clone()),
        _ => None,
    };
    match made {
        Some(tensor) if !tensor.to_floats().iter().any(|v| v.is_nan()) => {
            Ok(vec![cx.make(tensor)?])
        }
        _ => Fault::form("its value is not a tensor of numbers"),
    }
}
