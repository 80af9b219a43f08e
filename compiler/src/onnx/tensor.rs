//! `TensorProto` to [`Tensor`]: one encoding of the values, whatever field they were in.

use crate::error::{CompileError, Result};
use crate::graph::{DType, Data, Tensor};
use crate::limits::Limits;
use nascent_verifier::spec::MAX_RANK;
use std::path::Path;
use tract_onnx::pb::TensorProto;

const EXTERNAL: i32 = 1;

/// Decodes a tensor, checking its shape against the number of values.
pub(super) fn tensor(proto: TensorProto, folder: Option<&Path>, limits: &Limits) -> Result<Tensor> {
    let name = proto.name.clone();
    let fail = |reason: String| CompileError::Tensor {
        name: name.clone(),
        reason,
    };
    let dtype = DType::from_onnx(proto.data_type)
        .ok_or_else(|| fail(format!("unknown element type {}", proto.data_type)))?;
    let dims = dims(&proto.dims).map_err(&fail)?;
    let elements = elements(&dims, limits.elements).map_err(&fail)?;
    let external = proto.data_location == Some(EXTERNAL) || !proto.external_data.is_empty();
    let data = if external {
        match folder {
            None => Data::External,
            Some(_) if dtype == DType::STRING => {
                return Err(fail("strings in another file".into()));
            }
            Some(folder) => {
                let length =
                    byte_length(dtype, elements).ok_or_else(|| fail("too large".into()))?;
                Data::Bytes(super::external::read(&proto, folder, length)?)
            }
        }
    } else if dtype == DType::STRING {
        strings(proto.string_data, elements).map_err(&fail)?
    } else {
        numbers(proto, dtype, elements).map_err(&fail)?
    };
    Ok(Tensor { dtype, dims, data })
}

/// Checked dimensions of a tensor.
fn dims(dims: &[i64]) -> std::result::Result<Vec<u64>, String> {
    if dims.len() > MAX_RANK {
        return Err(format!("{} dimensions, at most {MAX_RANK}", dims.len()));
    }
    dims.iter()
        .map(|&dim| u64::try_from(dim).map_err(|_| format!("negative dimension {dim}")))
        .collect()
}

/// Checked number of elements.
pub(crate) fn elements(dims: &[u64], limit: u64) -> std::result::Result<u64, String> {
    dims.iter()
        .try_fold(1_u64, |acc, &dim| acc.checked_mul(dim))
        .filter(|&elements| elements <= limit)
        .ok_or_else(|| format!("shape {dims:?} has more than {limit} elements"))
}

fn strings(strings: Vec<Vec<u8>>, elements: u64) -> std::result::Result<Data, String> {
    if strings.len() as u64 != elements {
        return Err(format!("{} strings, expected {elements}", strings.len()));
    }
    let mut bytes = Vec::new();
    for string in strings {
        bytes.extend_from_slice(&(string.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&string);
    }
    Ok(Data::Bytes(bytes))
}

fn numbers(proto: TensorProto, dtype: DType, elements: u64) -> std::result::Result<Data, String> {
    let expected = byte_length(dtype, elements).ok_or("too large")?;
    let typed = typed_bytes(&proto, dtype);
    let bytes = match (proto.raw_data.is_empty(), typed.is_empty()) {
        (true, true) if elements > 0 => return Ok(Data::Absent),
        (true, _) => typed,
        (false, true) => proto.raw_data,
        (false, false) => return Err("values in two fields".to_owned()),
    };
    if bytes.len() as u64 != expected {
        return Err(format!(
            "{} bytes of values, expected {expected} for shape {:?} of {}",
            bytes.len(),
            proto.dims,
            dtype.name()
        ));
    }
    Ok(Data::Bytes(bytes))
}

fn byte_length(dtype: DType, elements: u64) -> Option<u64> {
    Some(elements.checked_mul(dtype.bits())?.div_ceil(8))
}

/// The values of the field that the format assigns to `dtype`.
fn typed_bytes(proto: &TensorProto, dtype: DType) -> Vec<u8> {
    match dtype.onnx() {
        1 | 14 => flat(&proto.float_data, |v| v.to_le_bytes(), 4),
        11 | 15 => flat(&proto.double_data, |v| v.to_le_bytes(), 8),
        7 => flat(&proto.int64_data, |v| v.to_le_bytes(), 8),
        12 => flat(&proto.uint64_data, |v| v.to_le_bytes(), 4),
        13 => flat(&proto.uint64_data, |v| v.to_le_bytes(), 8),
        _ => {
            let width = usize::try_from(dtype.bits().div_ceil(8)).unwrap_or(4);
            flat(&proto.int32_data, |v| v.to_le_bytes(), width)
        }
    }
}

/// The low `width` bytes of each value.
fn flat<T: Copy, const N: usize>(values: &[T], bytes: fn(T) -> [u8; N], width: usize) -> Vec<u8> {
    let mut out = Vec::with_capacity(values.len() * width.min(N));
    for &value in values {
        out.extend(bytes(value).iter().take(width));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proto(dims: &[i64], data_type: i32) -> TensorProto {
        TensorProto {
            name: "t".to_owned(),
            dims: dims.to_vec(),
            data_type,
            ..TensorProto::default()
        }
    }

    fn decoded(proto: TensorProto) -> Result<Tensor> {
        tensor(proto, None, &Limits::default())
    }

    #[test]
    fn raw_and_typed_values_are_one_encoding() {
        let mut typed = proto(&[2], 1);
        typed.float_data = vec![1.0, -2.5];
        let mut raw = proto(&[2], 1);
        raw.raw_data = [1.0_f32.to_le_bytes(), (-2.5_f32).to_le_bytes()].concat();
        assert_eq!(decoded(typed).unwrap(), decoded(raw).unwrap());

        let mut half = proto(&[1], 10);
        half.int32_data = vec![0x3c00];
        assert_eq!(decoded(half).unwrap().data, Data::Bytes(vec![0x00, 0x3c]));

        let mut nibbles = proto(&[3], 22);
        nibbles.int32_data = vec![0x21, 0x03];
        assert_eq!(
            decoded(nibbles).unwrap().data,
            Data::Bytes(vec![0x21, 0x03])
        );
    }

    #[test]
    fn shapes_without_values_are_read() {
        assert_eq!(
            decoded(proto(&[1 << 20, 1 << 20], 1)).unwrap().data,
            Data::Absent
        );
        assert_eq!(decoded(proto(&[0], 1)).unwrap().data, Data::Bytes(vec![]));
        let mut external = proto(&[4], 1);
        external.data_location = Some(EXTERNAL);
        assert_eq!(decoded(external).unwrap().data, Data::External);
    }

    #[test]
    fn bad_tensors_are_refused() {
        let mut short = proto(&[3], 1);
        short.raw_data = vec![0; 11];
        let mut twice = proto(&[1], 1);
        twice.raw_data = vec![0; 4];
        twice.float_data = vec![0.0];
        let cases = [
            proto(&[-1], 1),
            proto(&[1 << 40, 1 << 40], 1),
            proto(&[1; 17], 1),
            proto(&[1], 0),
            proto(&[1], 99),
            short,
            twice,
        ];
        for case in cases {
            assert!(decoded(case.clone()).is_err(), "{case:?}");
        }
    }
}
