//! Arrays as files that NumPy reads: `.npy`, and `.npz` without compression.

use super::{Named, Values};
use crate::infer::error::{InferError, Result};
use crate::infer::tensor::Tensor;
use std::path::Path;

/// The first of January 1980, the earliest date of a ZIP file.
const DATE: u16 = 1 << 5 | 1;

/// The bytes of a file of arrays, by the ending of its name: `.npz` holds them by name, `.npy` one.
/// Real numbers are `float32`, integers `int64`.
///
/// # Errors
/// Another ending; `.npy` for any other number of arrays than one; arrays of 4 GiB and more.
pub fn encode(path: &Path, arrays: &[Named]) -> Result<Vec<u8>> {
    let fail = |reason: &str| {
        Err(InferError::Sample {
            sample: path.display().to_string(),
            reason: reason.to_owned(),
        })
    };
    let ending = path.extension().and_then(|ending| ending.to_str());
    match (ending.unwrap_or("").to_ascii_lowercase().as_str(), arrays) {
        ("npy", [array]) => Ok(npy(&array.tensor)),
        ("npy", _) => fail("several arrays: give it a name that ends in .npz"),
        ("npz", arrays) => match npz(arrays) {
            Some(bytes) => Ok(bytes),
            None => fail("its arrays have 4 GiB or more"),
        },
        _ => fail("expected a name that ends in .npy or .npz"),
    }
}

fn npy(tensor: &Tensor) -> Vec<u8> {
    let (kind, data): (_, Vec<u8>) = match tensor.values() {
        Values::Float(values) => ("<f4", values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Values::Int(values) => ("<i8", values.iter().flat_map(|v| v.to_le_bytes()).collect()),
        Values::Withheld => ("<f4", Vec::new()),
    };
    let shape: String = tensor
        .shape()
        .iter()
        .map(|dim| format!("{dim}, "))
        .collect();
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
    // The data starts at a multiple of 64 bytes.
    let total = (10 + header.len() + 1).next_multiple_of(64);
    header.push_str(&" ".repeat(total - 11 - header.len()));
    header.push('\n');
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), &data].concat()
}

/// A ZIP file of stored entries; `None` where its 32-bit sizes do not suffice.
fn npz(arrays: &[Named]) -> Option<Vec<u8>> {
    let (mut out, mut directory) = (Vec::new(), Vec::new());
    for (at, array) in arrays.iter().enumerate() {
        let name = array.name.clone().unwrap_or_else(|| format!("arr_{at}"));
        let name = format!("{name}.npy");
        let data = npy(&array.tensor);
        let size = u32::try_from(data.len()).ok()?;
        let offset = u32::try_from(out.len()).ok()?;
        let mut common = Vec::new();
        // Version 2.0, names in UTF-8, stored.
        for half in [20, 1 << 11, 0, 0, DATE] {
            common.extend(u16::to_le_bytes(half));
        }
        for word in [crc32(&data), size, size] {
            common.extend(word.to_le_bytes());
        }
        common.extend(u16::try_from(name.len()).ok()?.to_le_bytes());
        common.extend([0; 2]);
        out.extend(b"PK\x03\x04");
        out.extend(&common);
        out.extend(name.as_bytes());
        out.extend(data);
        directory.extend(b"PK\x01\x02\x14\x00");
        directory.extend(common);
        directory.extend([0; 10]);
        directory.extend(offset.to_le_bytes());
        directory.extend(name.as_bytes());
    }
    let (start, length) = (u32::try_from(out.len()).ok()?, directory.len() as u32);
    let count = u16::try_from(arrays.len()).ok()?.to_le_bytes();
    out.extend(directory);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend([count, count].concat());
    out.extend(length.to_le_bytes());
    out.extend(start.to_le_bytes());
    out.extend([0; 2]);
    Some(out)
}

/// CRC-32 as in ZIP: the reflected polynomial `0xedb88320`, all bits inverted before and after.
fn crc32(bytes: &[u8]) -> u32 {
    let step = |crc: u32| crc >> 1 ^ if crc & 1 == 1 { 0xedb8_8320 } else { 0 };
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| step(crc))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::infer::samples::{npy as reader, npz as archive};

    fn arrays() -> Vec<Named> {
        let named = |name: &str, tensor| Named {
            name: Some(name.to_owned()),
            tensor,
        };
        vec![
            named(
                "scores",
                Tensor::float(&[2, 2], vec![1.5, -2.0, 0.0, 1e-3]).unwrap(),
            ),
            named("/label", Tensor::int(&[2], vec![-7, 1 << 40]).unwrap()),
            named("one", Tensor::float(&[], vec![3.0]).unwrap()),
        ]
    }

    #[test]
    fn what_is_written_is_read() {
        let arrays = arrays();
        let bytes = encode("out.npz".as_ref(), &arrays).unwrap();
        assert_eq!(archive::read(&bytes).unwrap(), arrays);
        for array in arrays {
            let one = std::slice::from_ref(&array);
            let bytes = encode("out.NPY".as_ref(), one).unwrap();
            assert_eq!(reader::read(&bytes).unwrap(), array.tensor);
        }
    }

    #[test]
    fn what_has_no_form_is_refused() {
        for name in ["out", "out.json", "out.npy"] {
            assert!(encode(name.as_ref(), &arrays()).is_err(), "{name}");
        }
        assert!(encode("out.npy".as_ref(), &[]).is_err());
    }

    #[test]
    fn the_checksum_is_that_of_the_standard() {
        assert_eq!(crc32(b"123456789"), 0xcbf4_3926);
    }
}
