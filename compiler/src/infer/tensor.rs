//! Float and integer tensors of the reference model.

use super::error::{Fault, OpResult};
use crate::graph::{self, DType, Data};

/// Values, row-major.
#[derive(Debug, Clone, PartialEq)]
pub enum Values {
    /// 32-bit floats, whatever float type the file had.
    Float(Vec<f32>),
    /// Integers and Booleans (0 or 1).
    Int(Vec<i64>),
    /// Floats that are not known: weights where a model is lowered without them.
    Withheld,
}

/// A tensor with its shape; no dimension is larger than the number of elements allows.
#[derive(Debug, Clone, PartialEq)]
pub struct Tensor {
    shape: Vec<usize>,
    values: Values,
}

impl Tensor {
    /// Values of a constant of the file, as floats or integers.
    pub(crate) fn read(tensor: &graph::Tensor) -> std::result::Result<Self, String> {
        let bytes = match &tensor.data {
            Data::Bytes(bytes) => bytes,
            Data::External => {
                return Err("its values are in another file, which was not given".to_owned());
            }
            Data::Absent => return Err("it has a shape and no values".to_owned()),
        };
        let dims = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok());
        let shape = dims.collect::<Option<Vec<_>>>().ok_or("it is too large")?;
        let dtype = tensor.dtype;
        let made = if dtype.is_weight() {
            let values: Vec<f32> = match dtype {
                DType::F32 => each(bytes, f32::from_le_bytes).collect(),
                DType::F64 => each(bytes, f64::from_le_bytes).map(|v| v as f32).collect(),
                DType::F16 => each(bytes, |b| half::f16::from_le_bytes(b).to_f32()).collect(),
                _ => each(bytes, |b| half::bf16::from_le_bytes(b).to_f32()).collect(),
            };
            if values.iter().any(|v| v.is_nan()) {
                return Err("one of its values is not a number".to_owned());
            }
            Self::float(&shape, values)
        } else {
            let values: Vec<i64> = match dtype.onnx() {
                2 | 9 => bytes.iter().map(|&v| i64::from(v)).collect(),
                3 => each(bytes, i8::from_le_bytes).map(i64::from).collect(),
                4 => each(bytes, u16::from_le_bytes).map(i64::from).collect(),
                5 => each(bytes, i16::from_le_bytes).map(i64::from).collect(),
                6 => each(bytes, i32::from_le_bytes).map(i64::from).collect(),
                7 => each(bytes, i64::from_le_bytes).collect(),
                12 => each(bytes, u32::from_le_bytes).map(i64::from).collect(),
                13 => {
                    let values = each(bytes, u64::from_le_bytes).map(|v| i64::try_from(v).ok());
                    let values = values.collect::<Option<_>>();
                    values.ok_or("one of its values is larger than 2^63")?
                }
                _ => {
                    return Err(format!("element type {} is not supported", dtype.name()));
                }
            };
            Self::int(&shape, values)
        };
        made.ok_or_else(|| "its values do not fit its shape".to_owned())
    }

    /// A float tensor, or `None` when the number of values is not that of the shape.
    pub fn float(shape: &[usize], values: Vec<f32>) -> Option<Self> {
        (count(shape) == Some(values.len())).then(|| Self {
            shape: shape.to_vec(),
            values: Values::Float(values),
        })
    }

    /// An integer tensor, or `None` when the number of values is not that of the shape.
    pub fn int(shape: &[usize], values: Vec<i64>) -> Option<Self> {
        (count(shape) == Some(values.len())).then(|| Self {
            shape: shape.to_vec(),
            values: Values::Int(values),
        })
    }

    /// A float of no dimension.
    pub(crate) fn scalar(value: f64) -> Self {
        Self {
            shape: Vec::new(),
            values: Values::Float(vec![value as f32]),
        }
    }

    /// A list of integers.
    pub(crate) fn list(values: &[i64]) -> Self {
        Self {
            shape: vec![values.len()],
            values: Values::Int(values.to_vec()),
        }
    }

    /// A float tensor from a computation that has the right length by construction.
    pub(crate) fn made(shape: &[usize], values: Vec<f32>) -> OpResult<Self> {
        let found = values.len();
        Self::float(shape, values)
            .map_or_else(|| Fault::shape(format!("{found} values for {shape:?}")), Ok)
    }

    /// A float tensor whose values are not known.
    pub(crate) fn withheld(shape: &[usize]) -> Self {
        Self {
            shape: shape.to_vec(),
            values: Values::Withheld,
        }
    }

    /// Whether the values are not known.
    pub(crate) fn is_withheld(&self) -> bool {
        matches!(self.values, Values::Withheld)
    }

    /// Dimensions.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// Values.
    pub fn values(&self) -> &Values {
        &self.values
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        match &self.values {
            Values::Float(values) => values.len(),
            Values::Int(values) => values.len(),
            Values::Withheld => count(&self.shape).unwrap_or(0),
        }
    }

    /// Whether there is no element.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Whether the values are integers.
    pub fn is_int(&self) -> bool {
        matches!(self.values, Values::Int(_))
    }

    /// The values of a float tensor.
    pub fn floats(&self) -> Option<&[f32]> {
        match &self.values {
            Values::Float(values) => Some(values),
            Values::Int(_) | Values::Withheld => None,
        }
    }

    /// The values of an integer tensor.
    pub fn ints(&self) -> Option<&[i64]> {
        match &self.values {
            Values::Float(_) | Values::Withheld => None,
            Values::Int(values) => Some(values),
        }
    }

    /// The values as floats; none where they are not known.
    pub(crate) fn to_floats(&self) -> Vec<f32> {
        match &self.values {
            Values::Float(values) => values.clone(),
            Values::Int(values) => values.iter().map(|&v| v as f32).collect(),
            Values::Withheld => Vec::new(),
        }
    }

    /// The single value of a tensor with one element.
    pub(crate) fn single(&self) -> Option<f64> {
        match &self.values {
            Values::Float(values) => match values.as_slice() {
                [value] => Some(f64::from(*value)),
                _ => None,
            },
            Values::Int(values) => match values.as_slice() {
                [value] => Some(*value as f64),
                _ => None,
            },
            Values::Withheld => None,
        }
    }

    /// Whether no value is infinite or not a number.
    pub(crate) fn is_finite(&self) -> bool {
        match &self.values {
            Values::Float(values) => values.iter().all(|v| v.is_finite()),
            Values::Int(_) | Values::Withheld => true,
        }
    }

    /// The same values in another shape.
    pub(crate) fn reshaped(&self, shape: &[usize]) -> OpResult<Self> {
        if count(shape) != Some(self.len()) {
            return Fault::shape(format!("{:?} cannot become {shape:?}", self.shape));
        }
        Ok(Self {
            shape: shape.to_vec(),
            values: self.values.clone(),
        })
    }

    /// The number of a tensor with one element in all places of a shape.
    pub(crate) fn expanded(&self, shape: &[usize]) -> OpResult<Self> {
        let elements = count(shape).unwrap_or(0);
        self.pick(shape, std::iter::repeat_n(0, elements))
    }

    /// The elements `at`, in order, in a shape of that many elements.
    pub(crate) fn pick(&self, shape: &[usize], at: impl Iterator<Item = usize>) -> OpResult<Self> {
        fn take<T: Copy>(values: &[T], at: impl Iterator<Item = usize>) -> Option<Vec<T>> {
            at.map(|at| values.get(at).copied()).collect()
        }
        let values = match &self.values {
            Values::Float(values) => take(values, at).map(Values::Float),
            Values::Int(values) => take(values, at).map(Values::Int),
            Values::Withheld => None,
        };
        let tensor = values.map(|values| Self {
            shape: shape.to_vec(),
            values,
        });
        match tensor {
            Some(tensor) if count(shape) == Some(tensor.len()) => Ok(tensor),
            _ => Fault::shape("elements outside of the operand"),
        }
    }
}

/// Number of elements of a shape.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    shape
        .iter()
        .try_fold(1_usize, |acc, &dim| acc.checked_mul(dim))
}

/// Row-major strides.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis] * shape[axis];
    }
    strides
}

/// Positions `offset + sum over axes of index * step`, in row-major order of `shape`.
pub(crate) fn positions(
    shape: &[usize],
    offset: usize,
    steps: &[isize],
) -> impl Iterator<Item = usize> + use<> {
    let total = count(shape).unwrap_or(0);
    let mut index = vec![0_usize; shape.len()];
    let mut at = offset as isize;
    let (shape, steps) = (shape.to_vec(), steps.to_vec());
    (0..total).map(move |_| {
        let here = at;
        for axis in (0..shape.len()).rev() {
            index[axis] += 1;
            at += steps[axis];
            if index[axis] < shape[axis] {
                break;
            }
            at -= steps[axis] * shape[axis] as isize;
            index[axis] = 0;
        }
        here as usize
    })
}

/// The shape that two shapes broadcast to, as in ONNX.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> OpResult<Vec<usize>> {
    let rank = a.len().max(b.len());
    let dim = |shape: &[usize], axis: usize| {
        (axis + shape.len())
            .checked_sub(rank)
            .map_or(1, |at| shape[at])
    };
    (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (x, y) if x == y => Ok(x),
            (1, y) => Ok(y),
            (x, 1) => Ok(x),
            _ => Fault::shape(format!("{a:?} and {b:?} do not broadcast")),
        })
        .collect()
}

/// Steps that read a tensor of shape `from` as if it had the shape `to`, to which it broadcasts.
pub(crate) fn broadcast_steps(from: &[usize], to: &[usize]) -> Vec<isize> {
    let own = strides(from);
    let skip = to.len().saturating_sub(from.len());
    (0..to.len())
        .map(|axis| match axis.checked_sub(skip) {
            Some(at) if from[at] != 1 => own[at] as isize,
            _ => 0,
        })
        .collect()
}

fn each<const N: usize, T>(bytes: &[u8], read: impl Fn([u8; N]) -> T) -> impl Iterator<Item = T> {
    let (chunks, _) = bytes.as_chunks::<N>();
    chunks.iter().map(move |chunk| read(*chunk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn broadcasting_is_onnx_broadcasting() {
        assert_eq!(broadcast(&[2, 1, 4], &[3, 1]).unwrap(), [2, 3, 4]);
        assert!(broadcast(&[2], &[3]).is_err());
        assert_eq!(broadcast_steps(&[3, 1], &[2, 3, 4]), [0, 1, 0]);
    }

    #[test]
    fn positions_walk_row_major() {
        let transposed: Vec<usize> = positions(&[3, 2], 0, &[1, 3]).collect();
        assert_eq!(transposed, [0, 3, 1, 4, 2, 5]);
        let reversed: Vec<usize> = positions(&[3], 2, &[-1]).collect();
        assert_eq!(reversed, [2, 1, 0]);
        assert_eq!(positions(&[2, 0], 0, &[1, 1]).count(), 0);
    }
}
