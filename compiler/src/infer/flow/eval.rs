//! Evaluation of the float graph, one value at a time.

use super::matmul::matmul;
use super::{Binary, Op, Value};
use crate::infer::error::{Fault, OpResult};
use crate::infer::tensor::{Tensor, Values, broadcast_steps, count, positions, strides};

/// The value's tensor, from those of its operands.
pub(crate) fn eval(value: &Value, x: &[&Tensor]) -> OpResult<Tensor> {
    let shape = value.shape.as_slice();
    let operand = |at: usize| match x.get(at) {
        Some(tensor) => Ok(*tensor),
        None => Fault::shape("an operand is missing"),
    };
    match &value.op {
        Op::Input(_) => Fault::form("an input has no operator"),
        Op::Constant(tensor) => Ok(tensor.as_ref().clone()),
        Op::MatMul => {
            let (a, b) = (operand(0)?, operand(1)?);
            Tensor::made(
                shape,
                matmul(a.shape(), &floats(a)?, b.shape(), &floats(b)?),
            )
        }
        Op::Conv(attrs) => {
            let (x, w) = (operand(0)?, operand(1)?);
            Tensor::made(
                shape,
                attrs.eval(x.shape(), &floats(x)?, w.shape(), &floats(w)?, shape),
            )
        }
        Op::Unary(f) => {
            let x = floats(operand(0)?)?;
            let values = x.iter().map(|&v| f.at(f64::from(v)) as f32);
            Tensor::made(shape, values.collect())
        }
        Op::Binary(f) => binary(*f, operand(0)?, operand(1)?, shape),
        Op::ReduceSum => reduce(operand(0)?, shape, |row| row.iter().sum()),
        Op::ReduceMax => reduce(operand(0)?, shape, |row| {
            row.iter().copied().fold(f64::NEG_INFINITY, f64::max)
        }),
        Op::Position { last } => position(operand(0)?, operand(1)?, *last, shape),
        Op::Without => without(operand(0)?, operand(1)?),
        Op::Reflect => reflect(operand(0)?),
        Op::Real => Tensor::made(shape, operand(0)?.to_floats()),
        Op::Softmax => rows(operand(0)?, shape, softmax),
        Op::Normalize { center, epsilon } => {
            rows(operand(0)?, shape, |row| normalize(row, *center, *epsilon))
        }
        Op::Reshape(_) => operand(0)?.reshaped(shape),
        Op::Transpose(perm) => {
            let x = operand(0)?;
            let own = strides(x.shape());
            let steps: Vec<isize> = perm.iter().map(|&axis| own[axis] as isize).collect();
            x.pick(shape, positions(shape, 0, &steps))
        }
        Op::Slice { starts, steps, .. } => {
            let x = operand(0)?;
            let own = strides(x.shape());
            let offset = starts.iter().zip(&own).map(|(start, own)| start * own);
            let steps = steps
                .iter()
                .zip(&own)
                .map(|(step, own)| step * *own as isize);
            let steps: Vec<isize> = steps.collect();
            x.pick(shape, positions(shape, offset.sum(), &steps))
        }
        Op::Concat(axis) => concat(x, *axis, shape),
        Op::Pad { before, value, .. } => pad(operand(0)?, before, *value, shape),
        Op::Expand(_) => {
            let x = operand(0)?;
            let steps = broadcast_steps(x.shape(), shape);
            x.pick(shape, positions(shape, 0, &steps))
        }
        Op::Gather { axis, indices } => {
            let x = operand(0)?;
            let inner = count(&shape[axis + 1..]).unwrap_or(0);
            let (outer, dim) = (count(&shape[..*axis]).unwrap_or(0), x.shape()[*axis]);
            let at = (0..outer).flat_map(|o| {
                let rows = indices.iter();
                rows.flat_map(move |&i| (0..inner).map(move |j| (o * dim + i) * inner + j))
            });
            x.pick(shape, at)
        }
        Op::Embed => embed(operand(0)?, operand(1)?, shape),
    }
}

fn floats(tensor: &Tensor) -> OpResult<std::borrow::Cow<'_, [f32]>> {
    Ok(match tensor.values() {
        Values::Float(values) => values.into(),
        Values::Int(_) => tensor.to_floats().into(),
        Values::Withheld => return Fault::form("the values of weights are not there"),
    })
}

fn binary(f: Binary, a: &Tensor, b: &Tensor, shape: &[usize]) -> OpResult<Tensor> {
    let left = positions(shape, 0, &broadcast_steps(a.shape(), shape));
    let right = positions(shape, 0, &broadcast_steps(b.shape(), shape));
    if let (Some(a), Some(b)) = (a.ints(), b.ints()) {
        let values = left.zip(right).map(|(i, j)| integer(f, a[i], b[j]));
        let values = values.collect::<Option<Vec<_>>>();
        let made = values.and_then(|values| Tensor::int(shape, values));
        return made.map_or_else(
            || Fault::form("an integer overflows or is divided by zero"),
            Ok,
        );
    }
    let (a, b) = (floats(a)?, floats(b)?);
    let values = left
        .zip(right)
        .map(|(i, j)| f.at(f64::from(a[i]), f64::from(b[j])) as f32);
    Tensor::made(shape, values.collect())
}

/// Integers divide towards zero, as in ONNX.
fn integer(f: Binary, a: i64, b: i64) -> Option<i64> {
    match f {
        Binary::Add => a.checked_add(b),
        Binary::Sub => a.checked_sub(b),
        Binary::Mul => a.checked_mul(b),
        Binary::Div => a.checked_div(b),
        Binary::Max => Some(a.max(b)),
        Binary::Min => Some(a.min(b)),
        Binary::Pow => a.checked_pow(u32::try_from(b).ok()?),
        Binary::Mod => {
            let rest = a.checked_rem(b)?;
            Some(if rest != 0 && (rest < 0) != (b < 0) {
                rest + b
            } else {
                rest
            })
        }
    }
}

fn reduce(x: &Tensor, shape: &[usize], f: impl Fn(&[f64]) -> f64) -> OpResult<Tensor> {
    let width = x.shape().last().copied().unwrap_or(1).max(1);
    if let Some(ints) = x.ints() {
        let wide = ints
            .chunks(width)
            .map(|row| f(&row.iter().map(|&v| v as f64).collect::<Vec<_>>()) as i64);
        let made = Tensor::int(shape, wide.collect());
        return made.map_or_else(|| Fault::shape("a reduction of another shape"), Ok);
    }
    let values = floats(x)?;
    let mut row = Vec::with_capacity(width);
    let made = values.chunks(width).map(|chunk| {
        row.clear();
        row.extend(chunk.iter().map(|&v| f64::from(v)));
        f(&row) as f32
    });
    Tensor::made(shape, made.collect())
}

/// Rows of the last axis, as numbers that keep the order of the elements.
fn ordered(x: &Tensor) -> Vec<Vec<f64>> {
    let width = x.shape().last().copied().unwrap_or(1).max(1);
    match x.values() {
        Values::Float(v) => chunked(v, width, f64::from),
        Values::Int(v) => chunked(v, width, |v| v as f64),
        Values::Withheld => Vec::new(),
    }
}

fn chunked<T: Copy>(values: &[T], width: usize, f: fn(T) -> f64) -> Vec<Vec<f64>> {
    let rows = values.chunks(width);
    rows.map(|row| row.iter().map(|&v| f(v)).collect())
        .collect()
}

fn position(x: &Tensor, wanted: &Tensor, last: bool, shape: &[usize]) -> OpResult<Tensor> {
    let wanted = ordered(wanted).into_iter().flatten();
    let at = ordered(x).into_iter().zip(wanted).map(|(row, wanted)| {
        let found = match last {
            true => row.iter().rposition(|&v| v == wanted),
            false => row.iter().position(|&v| v == wanted),
        };
        // A row that holds no number has no greatest one; calibration refuses it.
        found.unwrap_or(0) as i64
    });
    let made = Tensor::int(shape, at.collect());
    made.map_or_else(|| Fault::shape("positions of another shape"), Ok)
}

fn without(x: &Tensor, at: &Tensor) -> OpResult<Tensor> {
    let width = x.shape().last().copied().unwrap_or(1).max(1);
    let places = at.ints().unwrap_or(&[]).iter().enumerate();
    let places = places.map(|(row, &at)| row * width + at as usize);
    let made = match x.values() {
        // Finite: constants must be.
        Values::Float(v) => Tensor::float(x.shape(), replaced(v, places, f32::MIN)),
        Values::Int(v) => Tensor::int(x.shape(), replaced(v, places, i64::MIN)),
        Values::Withheld => None,
    };
    made.map_or_else(|| Fault::shape("a tensor of another shape"), Ok)
}

fn replaced<T: Copy>(values: &[T], places: impl Iterator<Item = usize>, by: T) -> Vec<T> {
    let mut made = values.to_vec();
    for at in places {
        if let Some(value) = made.get_mut(at) {
            *value = by;
        }
    }
    made
}

fn reflect(x: &Tensor) -> OpResult<Tensor> {
    let made = match x.values() {
        Values::Float(v) => Tensor::float(x.shape(), v.iter().map(|v| -v).collect()),
        // The least integer has no opposite; the greatest one is as far up as there is.
        Values::Int(v) => Tensor::int(x.shape(), v.iter().map(|v| v.saturating_neg()).collect()),
        Values::Withheld => None,
    };
    made.map_or_else(|| Fault::shape("a tensor of another shape"), Ok)
}

fn rows(x: &Tensor, shape: &[usize], f: impl Fn(&mut [f64])) -> OpResult<Tensor> {
    let width = shape.last().copied().unwrap_or(1).max(1);
    let values = floats(x)?;
    let mut made = Vec::with_capacity(values.len());
    for chunk in values.chunks(width) {
        let mut row: Vec<f64> = chunk.iter().map(|&v| f64::from(v)).collect();
        f(&mut row);
        made.extend(row.iter().map(|&v| v as f32));
    }
    Tensor::made(shape, made)
}

fn softmax(row: &mut [f64]) {
    let top = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    for v in row.iter_mut() {
        *v = libm::exp(*v - top);
    }
    let sum: f64 = row.iter().sum();
    for v in row.iter_mut() {
        *v /= sum;
    }
}

fn normalize(row: &mut [f64], center: bool, epsilon: f64) {
    let n = row.len() as f64;
    let mean = if center {
        row.iter().sum::<f64>() / n
    } else {
        0.0
    };
    let variance = row.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
    let inverse = 1.0 / (variance + epsilon).sqrt();
    for v in row.iter_mut() {
        *v = (*v - mean) * inverse;
    }
}

fn concat(xs: &[&Tensor], axis: usize, shape: &[usize]) -> OpResult<Tensor> {
    let outer = count(&shape[..axis]).unwrap_or(0);
    let widths: Vec<usize> = xs
        .iter()
        .map(|x| count(&x.shape()[axis..]).unwrap_or(0))
        .collect();
    if xs.iter().all(|x| x.is_int()) {
        let mut made = Vec::new();
        for row in 0..outer {
            for (x, &width) in xs.iter().zip(&widths) {
                made.extend_from_slice(&x.ints().unwrap_or(&[])[row * width..(row + 1) * width]);
            }
        }
        let made = Tensor::int(shape, made);
        return made.map_or_else(|| Fault::shape("a concatenation of another shape"), Ok);
    }
    let parts: Vec<_> = xs.iter().map(|x| floats(x)).collect::<OpResult<_>>()?;
    let mut made = Vec::new();
    for row in 0..outer {
        for (x, &width) in parts.iter().zip(&widths) {
            made.extend_from_slice(&x[row * width..(row + 1) * width]);
        }
    }
    Tensor::made(shape, made)
}

fn pad(x: &Tensor, before: &[usize], value: f32, shape: &[usize]) -> OpResult<Tensor> {
    let own = strides(shape);
    let offset = before
        .iter()
        .zip(&own)
        .map(|(before, own)| before * own)
        .sum();
    let steps: Vec<isize> = own.iter().map(|&own| own as isize).collect();
    let mut made = vec![value; count(shape).unwrap_or(0)];
    for (&v, at) in floats(x)?.iter().zip(positions(x.shape(), offset, &steps)) {
        made[at] = v;
    }
    Tensor::made(shape, made)
}

fn embed(table: &Tensor, ids: &Tensor, shape: &[usize]) -> OpResult<Tensor> {
    let [rows, width] = *table.shape() else {
        return Fault::shape("a table of two axes is expected");
    };
    let Some(ids) = ids.ints() else {
        return Fault::shape("integers are expected");
    };
    let row = |&id: &i64| usize::try_from(id).ok().filter(|&id| id < rows);
    let Some(ids) = ids.iter().map(row).collect::<Option<Vec<_>>>() else {
        return Fault::shape(format!("an index is outside of the table's {rows} rows"));
    };
    table.pick(
        shape,
        ids.into_iter().flat_map(|id| id * width..(id + 1) * width),
    )
}
