//! NumPy's array file: a magic string, a header that is a Python literal, and the elements.

use crate::infer::tensor::{Tensor, count};

type Read<T> = std::result::Result<T, String>;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Reads an array.
pub(super) fn read(bytes: &[u8]) -> Read<Tensor> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("not a NumPy array")?;
    let (&version, rest) = rest.split_first_chunk::<2>().ok_or("cut short")?;
    let (length, rest) = match version {
        [1, 0] => {
            let (length, rest) = rest.split_first_chunk().ok_or("cut short")?;
            (usize::from(u16::from_le_bytes(*length)), rest)
        }
        [2 | 3, 0] => {
            let (length, rest) = rest.split_first_chunk().ok_or("cut short")?;
            (u32::from_le_bytes(*length) as usize, rest)
        }
        [major, minor] => return Err(format!("version {major}.{minor} is not supported")),
    };
    if length > 1 << 16 || length > rest.len() {
        return Err("its header is cut short or too long".to_owned());
    }
    let (header, data) = rest.split_at(length);
    let header = std::str::from_utf8(header).map_err(|_| "its header is not a text")?;
    let kind = quoted(field(header, "descr")?)?;
    if field(header, "fortran_order")?.starts_with("True") {
        return Err("elements in Fortran's order: save numpy.ascontiguousarray(x)".to_owned());
    }
    let shape = tuple(field(header, "shape")?)?;
    elements(kind, &shape, data)
}

/// What follows a key of the header.
fn field<'a>(header: &'a str, key: &str) -> Read<&'a str> {
    let missing = || format!("its header has no {key:?}");
    let quoted = format!("'{key}'");
    let (_, rest) = header.split_once(&quoted).ok_or_else(missing)?;
    let rest = rest.trim_start().strip_prefix(':').ok_or_else(missing)?;
    Ok(rest.trim_start())
}

fn quoted(text: &str) -> Read<&str> {
    let inner = text
        .strip_prefix('\'')
        .and_then(|text| text.split_once('\''));
    inner
        .map(|(inner, _)| inner)
        .ok_or_else(|| "its elements are not of a simple type".to_owned())
}

fn tuple(text: &str) -> Read<Vec<usize>> {
    let inner = text.strip_prefix('(').and_then(|text| text.split_once(')'));
    let (inner, _) = inner.ok_or("its shape is not a tuple")?;
    let parts = inner
        .split(',')
        .map(str::trim)
        .filter(|part| !part.is_empty());
    let shape: Option<Vec<usize>> = parts.map(|part| part.parse().ok()).collect();
    match shape {
        Some(shape) if shape.len() <= 16 => Ok(shape),
        _ => Err("its shape is not a list of at most 16 numbers".to_owned()),
    }
}

fn elements(kind: &str, shape: &[usize], data: &[u8]) -> Read<Tensor> {
    let total = count(shape).ok_or("its shape is too large")?;
    let made = match kind {
        "<f4" => floats(shape, each(data, total, f32::from_le_bytes)?),
        "<f8" => floats(shape, each(data, total, |b| f64::from_le_bytes(b) as f32)?),
        "<f2" => floats(
            shape,
            each(data, total, |b| half::f16::from_le_bytes(b).to_f32())?,
        ),
        "|u1" | "|b1" => ints(
            shape,
            each(data, total, |b| i64::from(u8::from_le_bytes(b)))?,
        ),
        "|i1" => ints(
            shape,
            each(data, total, |b| i64::from(i8::from_le_bytes(b)))?,
        ),
        "<u2" => ints(
            shape,
            each(data, total, |b| i64::from(u16::from_le_bytes(b)))?,
        ),
        "<i2" => ints(
            shape,
            each(data, total, |b| i64::from(i16::from_le_bytes(b)))?,
        ),
        "<u4" => ints(
            shape,
            each(data, total, |b| i64::from(u32::from_le_bytes(b)))?,
        ),
        "<i4" => ints(
            shape,
            each(data, total, |b| i64::from(i32::from_le_bytes(b)))?,
        ),
        "<i8" => ints(shape, each(data, total, i64::from_le_bytes)?),
        _ => return Err(format!("elements of type {kind:?} are not supported")),
    };
    made.ok_or_else(|| "its elements do not fit its shape".to_owned())
}

fn floats(shape: &[usize], values: Vec<f32>) -> Option<Tensor> {
    Tensor::float(shape, values)
}

fn ints(shape: &[usize], values: Vec<i64>) -> Option<Tensor> {
    Tensor::int(shape, values)
}

fn each<const N: usize, T>(data: &[u8], total: usize, read: impl Fn([u8; N]) -> T) -> Read<Vec<T>> {
    if total.checked_mul(N) != Some(data.len()) {
        return Err(format!("{} bytes for {total} elements of {N}", data.len()));
    }
    let (chunks, _) = data.as_chunks::<N>();
    Ok(chunks.iter().map(|chunk| read(*chunk)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(header: &str, data: &[u8]) -> Vec<u8> {
        let length = (header.len() as u16).to_le_bytes();
        [MAGIC, &[1, 0], &length, header.as_bytes(), data].concat()
    }

    #[test]
    fn reads_arrays() {
        let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 1), }          \n";
        let data = [1.5_f32.to_le_bytes(), (-2.0_f32).to_le_bytes()].concat();
        let array = read(&file(header, &data)).unwrap();
        assert_eq!(array, Tensor::float(&[2, 1], vec![1.5, -2.0]).unwrap());
        let header = "{'descr': '|u1', 'fortran_order': False, 'shape': (), }";
        let array = read(&file(header, &[7])).unwrap();
        assert_eq!(array, Tensor::int(&[], vec![7]).unwrap());
    }

    #[test]
    fn refuses_what_is_no_array() {
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (1,), }";
        let data = 1.0_f32.to_le_bytes();
        assert!(read(&file(good, &data)).is_ok());
        let bad = [
            file(good, &data[..3]),
            file(&good.replace("<f4", ">f4"), &data),
            file(&good.replace("<f4", "|O"), &data),
            file(&good.replace("False", "True"), &data),
            file(&good.replace("(1,)", "(-1,)"), &data),
            file(
                &good.replace("(1,)", "(18446744073709551615, 18446744073709551615)"),
                &data,
            ),
            file(&good.replace("(1,)", "(99999999999,)"), &data),
            file(&good.replace("shape", "shade"), &data),
            file("", &data),
            file(good, &data)[..9].to_vec(),
            b"\x93NUMPY\x09\x00".to_vec(),
            Vec::new(),
        ];
        for bytes in bad {
            assert!(read(&bytes).is_err(), "{bytes:?}");
        }
    }
}
