//! [Cast](https://onnx.ai/onnx/operators/onnx__Cast.html): change of the element type.
//!
//! Between float types nothing happens: the integer model has one precision.

use super::Operator;
use crate::graph::DType;
use crate::infer::cx::Cx;
use crate::infer::error::{Fault, OpResult};
use crate::infer::flow::{Op, ValueId};
use crate::infer::tensor::{Tensor, Values};

pub(super) const OP: Operator = Operator {
    name: "Cast",
    since: &[9, 13, 19, 21, 23, 24, 25],
    inputs: (1, 1),
    attrs: &["round_mode", "saturate", "to"],
    limits: "activations do not become integers, indices integers of 32 or 64 bits or floats",
    build,
};

fn build(cx: &mut Cx<'_>) -> OpResult<Vec<ValueId>> {
    let x = cx.x(0)?;
    let Some(to) = cx.int("to")? else {
        return Fault::attribute("to", "it is missing");
    };
    let dtype = i32::try_from(to).ok().and_then(DType::from_onnx);
    let to_float = dtype.is_some_and(DType::is_weight);
    let to_int = dtype.is_some_and(|dtype| matches!(dtype.onnx(), 2..=7 | 9 | 12 | 13));
    if !to_float && !to_int {
        return Fault::attribute("to", format!("element type {to} is not supported"));
    }
    if to_float && cx.flow.is_weight(x) {
        return Ok(vec![x]);
    }
    if to_int && cx.flow.is_weight(x) {
        cx.constant(0, "operand")?;
    }
    let Some(tensor) = cx.flow.constant(x).cloned() else {
        let from_int = cx.flow.values[x].is_int;
        if from_int && to_float {
            return Ok(vec![cx.emit(Op::Real, &[x])?]);
        }
        if from_int && !matches!(to, 6 | 7 | 12 | 13) {
            return Fault::form("indices can be cast to floats and to integers of 32 or 64 bits");
        }
        if to_int && !from_int {
            return Fault::form("activations cannot become integers");
        }
        return Ok(vec![x]);
    };
    let is_bool = to == 9;
    let made = match tensor.values() {
        _ if to_float => Tensor::float(tensor.shape(), tensor.to_floats()),
        Values::Int(v) => {
            let cast = |&v: &i64| if is_bool { i64::from(v != 0) } else { v };
            Tensor::int(tensor.shape(), v.iter().map(cast).collect())
        }
        Values::Float(v) => {
            let cast = |&v: &f32| {
                if is_bool {
                    i64::from(v != 0.0)
                } else {
                    v as i64
                }
            };
            Tensor::int(tensor.shape(), v.iter().map(cast).collect())
        }
        Values::Withheld => None,
    };
    // Constants have no width here: one that is cut by its type would stay whole.
    let bounds = match to {
        2 => Some((0, 0xff)),
        3 => Some((-0x80, 0x7f)),
        4 => Some((0, 0xffff)),
        5 => Some((-0x8000, 0x7fff)),
        6 => Some((i32::MIN.into(), i32::MAX.into())),
        12 => Some((0, u32::MAX.into())),
        13 => Some((0, i64::MAX)),
        _ => None,
    };
    let ints = made.as_ref().and_then(Tensor::ints).unwrap_or(&[]);
    if let Some((least, most)) = bounds
        && ints.iter().any(|v| !(least..=most).contains(v))
    {
        return Fault::form("a constant does not fit the type that it is cast to");
    }
    match made {
        Some(tensor) => Ok(vec![cx.make(tensor)?]),
        None => Fault::form("a constant without values"),
    }
}
