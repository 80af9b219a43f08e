//! Rewriting while the float graph is built: constants into weights, patterns into operators, and
//! functions of two operands into sums and products.
//!
//! Whatever is rewritten stays equal in real numbers. Values that nothing reads any more are
//! dropped at the end.

use super::calibrate::MASK;
use super::cx::Cx;
use super::error::{Fault, OpResult};
use super::flow::{Binary, Op, Unary, ValueId};
use super::tensor::{Tensor, broadcast, count};

impl Cx<'_> {
    /// Applies a function of two operands, in a form that has a lowering.
    pub(crate) fn binary(&mut self, f: Binary, a: ValueId, b: ValueId) -> OpResult<ValueId> {
        binary(self, f, a, b)
    }

    /// Multiplies by a number.
    pub(crate) fn scale(&mut self, x: ValueId, by: f64) -> OpResult<ValueId> {
        if by == 1.0 {
            return Ok(x);
        }
        let by = self.scalar(by)?;
        self.binary(Binary::Mul, x, by)
    }
}

/// A function of two operands.
fn binary(cx: &mut Cx<'_>, f: Binary, a: ValueId, b: ValueId) -> OpResult<ValueId> {
    let constant = |cx: &Cx<'_>, id: ValueId| cx.flow.is_constant(id);
    if constant(cx, a) && constant(cx, b) {
        return cx.emit(Op::Binary(f), &[a, b]);
    }
    if let Some(made) = normalization(cx, f, a, b)? {
        return Ok(made);
    }
    let commutes = matches!(f, Binary::Add | Binary::Mul);
    let (x, k) = if commutes && constant(cx, a) {
        (b, a)
    } else {
        (a, b)
    };
    if constant(cx, k)
        && let Some(made) = zeros(cx, f, x, k)?
    {
        return Ok(made);
    }
    if constant(cx, k)
        && let Some(made) = into_weights(cx, f, x, k)?
    {
        return Ok(made);
    }
    let one_function = cx.flow.scalar(a).is_some()
        || cx.flow.scalar(b).is_some()
        || (cx.flow.values[a].root == cx.flow.values[b].root && cx.shape(a) == cx.shape(b));
    if one_function
        && broadcast(&cx.shape(a), &cx.shape(b))?
            == cx.shape(if cx.flow.scalar(a).is_some() { b } else { a })
    {
        return cx.emit(Op::Binary(f), &[x, k]);
    }
    match f {
        Binary::Add | Binary::Mul => cx.emit(Op::Binary(f), &[x, k]),
        Binary::Sub if constant(cx, b) => {
            let minus = cx.unary(Unary::Neg, b)?;
            binary(cx, Binary::Add, a, minus)
        }
        Binary::Sub if constant(cx, a) => {
            let minus = cx.unary(Unary::Neg, b)?;
            binary(cx, Binary::Add, minus, a)
        }
        Binary::Sub => cx.emit(Op::Binary(f), &[a, b]),
        Binary::Div => {
            let inverse = cx.unary(Unary::Reciprocal, b)?;
            binary(cx, Binary::Mul, a, inverse)
        }
        Binary::Max | Binary::Min => {
            // max(a, b) = b + relu(a - b), min(a, b) = a - relu(a - b)
            let difference = binary(cx, Binary::Sub, a, b)?;
            let excess = cx.unary(Unary::Relu, difference)?;
            match f {
                Binary::Max => binary(cx, Binary::Add, b, excess),
                _ => binary(cx, Binary::Sub, a, excess),
            }
        }
        Binary::Pow | Binary::Mod => Fault::form("one of its operands must be a constant number"),
    }
}

/// A product with zeros, or a sum with zeros: initial states of recurrent layers are such.
fn zeros(cx: &mut Cx<'_>, f: Binary, x: ValueId, k: ValueId) -> OpResult<Option<ValueId>> {
    let constant = cx.flow.constant(k).map(|tensor| tensor.to_floats());
    if !constant.is_some_and(|values| values.iter().all(|&v| v == 0.0)) {
        return Ok(None);
    }
    let (own, shape) = (cx.shape(x), broadcast(&cx.shape(x), &cx.shape(k))?);
    match f {
        Binary::Mul => cx.emit(Op::Expand(shape), &[k]).map(Some),
        Binary::Add | Binary::Sub if own == shape => Ok(Some(x)),
        _ => Ok(None),
    }
}

/// `a b` with a constant matrix `b`; a scale and an offset of the last axis of `a` go into it.
pub(crate) fn product(cx: &mut Cx<'_>, a: ValueId, b: ValueId) -> OpResult<ValueId> {
    let plain = |cx: &mut Cx<'_>| cx.emit(Op::MatMul, &[a, b]);
    // Scaled, it would be a matrix of its own.
    cx.flow.tie(b)?;
    if cx.flow.tied_table(b).is_some() {
        return plain(cx);
    }
    let Some(width) = cx
        .shape(a)
        .last()
        .copied()
        .filter(|_| cx.flow.is_constant(b))
    else {
        return plain(cx);
    };
    let (scaled, offset) = match split(cx, Binary::Add, a, width) {
        Some((x, k)) => (x, Some(k)),
        None => (a, None),
    };
    let Some((x, scale)) = split(cx, Binary::Mul, scaled, width) else {
        return plain(cx);
    };
    if !matches!(cx.flow.values[x].op, Op::Normalize { .. }) {
        return plain(cx);
    }
    let column = cx.reshape(scale, &[width, 1])?;
    let weight = cx.emit(Op::Binary(Binary::Mul), &[b, column])?;
    let out = cx.emit(Op::MatMul, &[x, weight])?;
    let Some(offset) = offset else {
        return Ok(out);
    };
    let row = cx.reshape(offset, &[1, width])?;
    let bias = cx.emit(Op::MatMul, &[row, b])?;
    let columns = cx.shape(bias)[1];
    let bias = cx.reshape(bias, &[columns])?;
    cx.emit(Op::Binary(Binary::Add), &[out, bias])
}

/// The operands of `x f k` with a constant `k` over the last axis.
fn split(cx: &Cx<'_>, f: Binary, id: ValueId, width: usize) -> Option<(ValueId, ValueId)> {
    let value = &cx.flow.values[id];
    let (Op::Binary(g), [x, k]) = (&value.op, value.inputs.as_slice()) else {
        return None;
    };
    let fits = *g == f && cx.flow.is_constant(*k) && cx.flow.shape(*k) == [width];
    fits.then_some((*x, *k))
}

/// Which axis of the result has one weight row for each element.
pub(crate) fn channels(cx: &super::flow::Flow, contraction: ValueId) -> Option<(usize, usize)> {
    let value = &cx.values[contraction];
    cx.is_constant(*value.inputs.get(1)?).then_some(())?;
    let axis = match value.op {
        Op::Conv(_) => 1,
        Op::MatMul => value.shape.len() - 1,
        _ => return None,
    };
    Some((axis, value.shape[axis]))
}

/// Whether a constant of shape `k` is a number, or varies along one axis of `shape` only.
pub(crate) fn is_along(k: &[usize], shape: &[usize], axis: usize) -> bool {
    if count(k) == Some(1) {
        return true;
    }
    let Some(skip) = shape.len().checked_sub(k.len()) else {
        return false;
    };
    let mut aligned = k.iter().enumerate();
    let fits = aligned.all(|(at, &dim)| dim == if at + skip == axis { shape[axis] } else { 1 });
    fits && count(k) == Some(shape[axis])
}

/// The numbers of such a constant, one for each element of the axis; none of weights that are not
/// known.
pub(crate) fn along(k: &Tensor, shape: &[usize], axis: usize) -> Option<Vec<f32>> {
    let values = k.to_floats();
    match values.as_slice() {
        [] => None,
        [value] => Some(vec![*value; shape[axis]]),
        _ => Some(values),
    }
}

/// `y * k` or `y + k` after a contraction with constant weights.
fn into_weights(cx: &mut Cx<'_>, f: Binary, x: ValueId, k: ValueId) -> OpResult<Option<ValueId>> {
    let value = cx.flow.values[x].clone();
    let sum = match value.op {
        Op::Binary(Binary::Add) if cx.flow.is_constant(value.inputs[1]) => {
            Some((value.inputs[0], value.inputs[1]))
        }
        _ => None,
    };
    let contraction = sum.map_or(x, |(y, _)| y);
    let Some((axis, _)) = channels(cx.flow, contraction) else {
        return Ok(None);
    };
    // A number is a step of the function that follows, which the contraction may share with others.
    if count(&cx.shape(k)).is_none_or(|elements| elements <= 1) {
        return Ok(None);
    }
    let shape = cx.shape(contraction);
    if !is_along(&cx.shape(k), &shape, axis) {
        return Ok(None);
    }
    match (f, sum) {
        // A mask stays what it is.
        (Binary::Add | Binary::Sub, Some(_)) if masks(cx, k) => Ok(None),
        (Binary::Add | Binary::Sub, Some((y, bias))) => {
            let bias = cx.emit(Op::Binary(f), &[bias, k])?;
            Ok(Some(cx.emit(Op::Binary(Binary::Add), &[y, bias])?))
        }
        (Binary::Mul | Binary::Div, _) => {
            let made = scaled(cx, contraction, f, k)?;
            let Some((_, bias)) = sum else {
                return Ok(Some(made));
            };
            let bias = cx.emit(Op::Binary(f), &[bias, k])?;
            Ok(Some(cx.emit(Op::Binary(Binary::Add), &[made, bias])?))
        }
        _ => Ok(None),
    }
}

/// Whether a constant of the model has numbers that may be masks.
fn masks(cx: &Cx<'_>, k: ValueId) -> bool {
    let values = cx.flow.constant(k).map(|tensor| tensor.to_floats());
    let mut values = values.iter().flatten();
    values.any(|v| f64::from(v.abs()) >= MASK)
}

/// The contraction with each channel's weights multiplied or divided.
fn scaled(cx: &mut Cx<'_>, contraction: ValueId, f: Binary, k: ValueId) -> OpResult<ValueId> {
    let value = cx.flow.values[contraction].clone();
    let rank = cx.shape(value.inputs[1]).len();
    let mut aligned = vec![1; rank];
    let axis = if matches!(value.op, Op::Conv(_)) {
        0
    } else {
        rank - 1
    };
    aligned[axis] = count(&cx.shape(k)).unwrap_or(0);
    let factors = cx.reshape(k, &aligned)?;
    let weight = cx.emit(Op::Binary(f), &[value.inputs[1], factors])?;
    // It stays the contraction's node, also where another node's numbers went into it.
    cx.flow
        .emit(value.node, value.op, &[value.inputs[0], weight])
}

/// `d / sqrt(mean(d^2) + epsilon)`, as exporters wrote layer normalization before opset 17: with
/// `d = x - mean(x)` or, for the normalization by the root of the mean of squares, any `d`.
fn normalization(cx: &mut Cx<'_>, f: Binary, a: ValueId, b: ValueId) -> OpResult<Option<ValueId>> {
    let found = match f {
        Binary::Div => root_of(cx, b).map(|(squares, epsilon)| (a, squares, epsilon)),
        Binary::Mul => [(a, b), (b, a)].into_iter().find_map(|(d, inverse)| {
            let value = &cx.flow.values[inverse];
            let root = (value.op == Op::Unary(Unary::Reciprocal)).then(|| value.inputs[0])?;
            root_of(cx, root).map(|(squares, epsilon)| (d, squares, epsilon))
        }),
        _ => None,
    };
    let Some((d, squares, epsilon)) = found else {
        return Ok(None);
    };
    let Some(operand) = mean_of(cx, squares) else {
        return Ok(None);
    };
    let value = &cx.flow.values[operand];
    if value.op != Op::Binary(Binary::Mul) || value.inputs != [d, d] {
        return Ok(None);
    }
    let value = cx.flow.values[d].clone();
    let centered = value.op == Op::Binary(Binary::Sub)
        && mean_of(cx, value.inputs[1]) == Some(value.inputs[0]);
    let (x, center) = if centered {
        (value.inputs[0], true)
    } else {
        (d, false)
    };
    // An epsilon of more axes gives the result more axes.
    if broadcast(&cx.shape(a), &cx.shape(b))? != cx.shape(x) {
        return Ok(None);
    }
    Ok(Some(cx.emit(Op::Normalize { center, epsilon }, &[x])?))
}

/// `sqrt(v + epsilon)`: `v` and `epsilon`.
fn root_of(cx: &Cx<'_>, id: ValueId) -> Option<(ValueId, f64)> {
    let value = &cx.flow.values[id];
    let inner = match value.op {
        Op::Unary(Unary::Sqrt) => value.inputs[0],
        Op::Binary(Binary::Pow) if cx.flow.scalar(value.inputs[1]) == Some(0.5) => value.inputs[0],
        _ => return None,
    };
    let value = &cx.flow.values[inner];
    let (Op::Binary(Binary::Add), [v, k]) = (&value.op, value.inputs.as_slice()) else {
        return None;
    };
    cx.flow
        .scalar(*k)
        .filter(|&k| k >= 0.0)
        .map(|epsilon| (*v, epsilon))
}

/// The operand of a mean over the last axis.
fn mean_of(cx: &Cx<'_>, id: ValueId) -> Option<ValueId> {
    let value = &cx.flow.values[id];
    let (Op::Binary(Binary::Mul), [sum, k]) = (&value.op, value.inputs.as_slice()) else {
        return None;
    };
    let sum = &cx.flow.values[*sum];
    let x = *sum.inputs.first().filter(|_| sum.op == Op::ReduceSum)?;
    let width = *cx.flow.shape(x).last()? as f64;
    let factor = cx.flow.scalar(*k)?;
    ((factor * width - 1.0).abs() < 1e-6).then_some(x)
}
