//! The safetensors format: header out, header in.
//!
//! Eight bytes of little-endian header length, a JSON object, then the data. The object maps names
//! to `{"dtype", "shape", "data_offsets"}`; the name `__metadata__` holds strings. Data ranges
//! cover the data section exactly, in order, without gaps. What is read is not trusted.

use std::{
    collections::BTreeMap,
    fmt,
    fs::File,
    io::{self, BufReader, Read, Seek, SeekFrom},
    path::Path,
};

use nascent_verifier::TensorSpec;
use serde::{
    Deserialize, Deserializer,
    de::{self, MapAccess, Visitor},
};

use super::error::{DeriveError, SafetensorsError};

/// Where given weights come from: a [`super::SafetensorsFile`], or any other reader.
pub trait WeightSource {
    /// Names of all tensors there are; those the model lacks are reported.
    fn names(&self) -> Vec<String>;

    /// The elements of a tensor as little-endian `f32`, exactly as many as it has.
    ///
    /// # Errors
    ///
    /// If the tensor is missing, of another type or of another shape.
    fn tensor(&mut self, tensor: &TensorSpec) -> Result<Box<dyn Read + '_>, SafetensorsError>;
}

/// Longest header that the reference implementation reads.
const MAX_HEADER: u64 = 100_000_000;
/// Reserved name of the strings in a header.
const METADATA: &str = "__metadata__";

/// Header of a file with `tensors` in order, all `F32`; with its length prefix.
pub(super) fn header(
    tensors: &[TensorSpec],
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, DeriveError> {
    // Written by hand for its order: a map type would sort or shuffle the tensors.
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let metadata: Vec<String> = metadata
        .iter()
        .map(|(key, value)| format!("{}:{}", quoted(key), quoted(value)))
        .collect();
    let mut json = format!("{{\"{METADATA}\":{{{}}}", metadata.join(","));
    let mut offset = 0u64;
    for tensor in tensors {
        if tensor.name == METADATA {
            return Err(DeriveError::ReservedName(tensor.name.clone()));
        }
        let bytes = tensor.elements().and_then(|n| n.checked_mul(4));
        let end = bytes
            .and_then(|n| n.checked_add(offset))
            .ok_or(DeriveError::TooManyElements)?;
        let dims: Vec<String> = tensor.dims.iter().map(u64::to_string).collect();
        json += &format!(
            ",{}:{{\"dtype\":\"F32\",\"shape\":[{}],\"data_offsets\":[{offset},{end}]}}",
            quoted(&tensor.name),
            dims.join(",")
        );
        offset = end;
    }
    json.push('}');
    let padded = json.len().next_multiple_of(8);
    json.extend(std::iter::repeat_n(' ', padded - json.len()));
    let got = padded as u64;
    if got > MAX_HEADER {
        let limit = MAX_HEADER;
        return Err(DeriveError::HeaderTooLarge { limit, got });
    }
    let mut bytes = got.to_le_bytes().to_vec();
    bytes.extend(json.into_bytes());
    Ok(bytes)
}

/// A tensor of a header.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    dtype: String,
    shape: Vec<u64>,
    data_offsets: (u64, u64),
}

/// A header: metadata and tensors, no name twice.
#[derive(Debug, Default)]
struct Header {
    metadata: BTreeMap<String, String>,
    tensors: BTreeMap<String, Entry>,
}

impl<'de> Deserialize<'de> for Header {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HeaderVisitor;
        impl<'de> Visitor<'de> for HeaderVisitor {
            type Value = Header;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a safetensors header")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Header, A::Error> {
                let mut header = Header::default();
                let mut has_metadata = false;
                while let Some(name) = map.next_key::<String>()? {
                    let repeated = if name == METADATA {
                        header.metadata = map.next_value()?;
                        std::mem::replace(&mut has_metadata, true)
                    } else {
                        let entry = map.next_value()?;
                        header.tensors.insert(name.clone(), entry).is_some()
                    };
                    if repeated {
                        return Err(de::Error::custom(format_args!("{name:?} appears twice")));
                    }
                }
                Ok(header)
            }
        }
        deserializer.deserialize_map(HeaderVisitor)
    }
}

/// A safetensors file opened for reading; only its header is in memory.
#[derive(Debug)]
pub struct SafetensorsFile<R> {
    reader: R,
    /// Where the data starts.
    base: u64,
    header: Header,
}

impl SafetensorsFile<BufReader<File>> {
    /// Opens a file.
    ///
    /// # Errors
    ///
    /// See [`SafetensorsFile::new`].
    pub fn open(path: &Path) -> Result<Self, SafetensorsError> {
        Self::new(BufReader::with_capacity(1 << 20, File::open(path)?))
    }
}

impl<R: Read + Seek> SafetensorsFile<R> {
    /// Reads and checks the header.
    ///
    /// # Errors
    ///
    /// If reading fails, if the header is not a safetensors header, or if the data ranges do not
    /// cover the data exactly.
    pub fn new(mut reader: R) -> Result<Self, SafetensorsError> {
        let got = reader.seek(SeekFrom::End(0))?;
        reader.seek(SeekFrom::Start(0))?;
        let mut length = [0; 8];
        if got < 8 {
            let expected = 8;
            return Err(SafetensorsError::HeaderTruncated { expected, got });
        }
        reader.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > MAX_HEADER {
            return Err(SafetensorsError::HeaderTooLarge {
                limit: MAX_HEADER,
                got: length,
            });
        }
        if length > got - 8 {
            return Err(SafetensorsError::HeaderTruncated {
                expected: length,
                got,
            });
        }
        let mut bytes = vec![0; length as usize];
        reader.read_exact(&mut bytes)?;
        let header: Header = serde_json::from_slice(&bytes)?;
        check_offsets(&header.tensors, got - 8 - length)?;
        Ok(Self {
            reader,
            base: 8 + length,
            header,
        })
    }

    /// The strings in the header.
    pub fn metadata(&self) -> &BTreeMap<String, String> {
        &self.header.metadata
    }

    /// Goes to the elements of a tensor; gives their number of bytes.
    fn seek(&mut self, tensor: &TensorSpec) -> Result<u64, SafetensorsError> {
        let (start, bytes) = self.extent(tensor)?;
        self.reader.seek(SeekFrom::Start(start))?;
        Ok(bytes)
    }

    /// Reads elements of a tensor, from index `first` on, as little-endian `f32`.
    pub(super) fn read_from(
        &mut self,
        tensor: &TensorSpec,
        first: u64,
        out: &mut [[u8; 4]],
    ) -> Result<(), SafetensorsError> {
        let (start, _) = self.extent(tensor)?;
        let position = start.saturating_add(first.saturating_mul(4));
        self.reader.seek(SeekFrom::Start(position))?;
        Ok(self.reader.read_exact(out.as_flattened_mut())?)
    }
}

impl<R> SafetensorsFile<R> {
    /// Where the elements of a tensor start, and how many bytes they have; the file must have it as
    /// `F32` in this shape.
    pub(super) fn extent(&self, tensor: &TensorSpec) -> Result<(u64, u64), SafetensorsError> {
        let name = tensor.name.clone();
        let Some(entry) = self.header.tensors.get(&name) else {
            return Err(SafetensorsError::Missing { name });
        };
        if entry.dtype != "F32" {
            let got = entry.dtype.clone();
            return Err(SafetensorsError::Dtype { name, got });
        }
        if entry.shape != tensor.dims {
            return Err(SafetensorsError::Shape {
                name,
                expected: tensor.dims.clone(),
                got: entry.shape.clone(),
            });
        }
        let (start, end) = entry.data_offsets;
        let expected = tensor.elements().unwrap_or(0).saturating_mul(4);
        let got = end - start;
        if got != expected {
            return Err(SafetensorsError::TensorLength {
                name,
                expected,
                got,
            });
        }
        let start = self.base.checked_add(start);
        let start = start.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        Ok((start, expected))
    }
}

/// Ranges follow each other from the start of the data to its end.
fn check_offsets(tensors: &BTreeMap<String, Entry>, data: u64) -> Result<(), SafetensorsError> {
    let mut ranges: Vec<_> = tensors.iter().map(|(n, e)| (e.data_offsets, n)).collect();
    ranges.sort_unstable();
    let mut expected = 0;
    for ((start, end), name) in ranges {
        if start != expected || end < start {
            return Err(SafetensorsError::Offsets {
                name: name.clone(),
                expected,
                got: start,
            });
        }
        expected = end;
    }
    if expected != data {
        return Err(SafetensorsError::DataLength {
            expected,
            got: data,
        });
    }
    Ok(())
}

impl<R: Read + Seek> WeightSource for SafetensorsFile<R> {
    fn names(&self) -> Vec<String> {
        self.header.tensors.keys().cloned().collect()
    }

    fn tensor(&mut self, tensor: &TensorSpec) -> Result<Box<dyn Read + '_>, SafetensorsError> {
        let bytes = self.seek(tensor)?;
        Ok(Box::new((&mut self.reader).take(bytes)))
    }
}
