//! Writing a model back with its weights filled in.
//!
//! The file is copied field by field; only the filled tensors are replaced, so
//! everything else, known to this version or not, comes out as it went in.
//! Values are asked for in pieces and written as they come: memory does not
//! grow with the model.

use super::wire::{Field, Fields, LEN, put_int, put_len};
use crate::error::{CompileError, Result};
use crate::graph::DType;
use crate::limits::Limits;
use crate::model::read_file;
use nascent_verifier::{Fill, ModelSpec, TensorSpec};
use std::collections::BTreeMap;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Values asked for at a time.
const PIECE: usize = 1 << 16;
/// A protobuf message holds less than this.
const MAX_MESSAGE: u64 = 1 << 31;

const MODEL_GRAPH: u32 = 7;
const GRAPH_NODE: u32 = 1;
const GRAPH_INITIALIZER: u32 = 5;
const GRAPH_INPUT: u32 = 11;
const TENSOR_DIMS: u32 = 1;
const TENSOR_TYPE: u32 = 2;
const TENSOR_NAME: u32 = 8;
const TENSOR_RAW: u32 = 9;

/// Where the values of sampled tensors come from.
pub trait WeightSource {
    /// Writes elements `start..start + out.len()` of the tensor at position
    /// `tensor` of the specification. Tensors are asked for in the order of the
    /// file, each from its start to its end; constant ones are not asked for.
    ///
    /// # Errors
    /// Whatever keeps the source from giving the values.
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>>;
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Bytes of the file.
    pub bytes: u64,
    /// Tensors that were filled.
    pub tensors: usize,
    /// Elements in them.
    pub elements: u64,
    /// Tensors whose type is narrower than `f32`, so that values were rounded
    /// (to nearest, ties to even) from the exact `f32` weights.
    pub rounded: usize,
}

/// Writes the model at `original` to `out`, with the tensors of `spec` filled.
///
/// Tensors that were graph inputs become initializers and, from IR version 4
/// on, are no longer inputs. The file appears under its name only when it is
/// complete and on disk.
///
/// # Errors
/// A model that does not have the tensors of the specification with the same
/// shapes and a float type, or that would not fit one protobuf message (2 GiB).
pub fn write_onnx(
    original: &Path,
    spec: &ModelSpec,
    source: &mut dyn WeightSource,
    out: &Path,
    limits: &Limits,
) -> Result<Written> {
    let bytes = read_file(original, limits.onnx_bytes)?;
    // Everything that can be wrong with the model is found before a file is made.
    super::read_onnx(&bytes, limits)?;
    let io = |source| CompileError::Io {
        path: out.to_owned(),
        source,
    };
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = out.with_file_name(name);
    let file = std::fs::File::create(&temporary).map_err(io)?;
    let result = (|| {
        let mut writer = BufWriter::with_capacity(1 << 20, file);
        let written = write_onnx_to(&bytes, spec, source, &mut writer)?;
        let file = writer
            .into_inner()
            .map_err(|error| io(error.into_error()))?;
        file.sync_all().map_err(io)?;
        std::fs::rename(&temporary, out).map_err(io)?;
        sync_folder(out);
        Ok(written)
    })();
    if result.is_err() {
        // Nothing more can be done if this fails too; the first error counts.
        let _ = std::fs::remove_file(&temporary);
    }
    result
}

/// Makes the new name durable where the system can.
fn sync_folder(path: &Path) {
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    if let Ok(folder) = std::fs::File::open(folder) {
        // Not every file system can do this; the file itself is safe.
        let _ = folder.sync_all();
    }
}

/// As [`write_onnx`], from bytes that [`read_onnx`](super::read_onnx) accepts,
/// to any writer.
///
/// # Errors
/// As [`write_onnx`]; a failing writer is [`CompileError::Io`] without a path.
pub fn write_onnx_to(
    original: &[u8],
    spec: &ModelSpec,
    source: &mut dyn WeightSource,
    out: &mut dyn Write,
) -> Result<Written> {
    let plan = Plan::new(original, spec)?;
    let mut written = Written {
        bytes: plan.length(),
        tensors: plan.tensors,
        elements: 0,
        rounded: 0,
    };
    if written.bytes >= MAX_MESSAGE {
        return Err(CompileError::Unsupported {
            what: format!("an ONNX file of {} bytes", written.bytes),
            advice: "one protobuf message holds 2 GiB; write the weights as safetensors",
        });
    }
    for piece in &plan.pieces {
        match piece {
            Piece::Copy(bytes) => out.write_all(bytes).map_err(no_path)?,
            Piece::Made(bytes) => out.write_all(bytes).map_err(no_path)?,
            Piece::Values { tensor, dtype } => {
                let Some(tensor_spec) = spec.tensors.get(*tensor) else {
                    continue;
                };
                written.elements += elements(tensor_spec)?;
                written.rounded += usize::from(dtype.bits() < 32);
                write_values(*tensor, tensor_spec, *dtype, source, out)?;
            }
        }
    }
    out.flush().map_err(no_path)?;
    Ok(written)
}

fn no_path(source: std::io::Error) -> CompileError {
    CompileError::Io {
        path: std::path::PathBuf::new(),
        source,
    }
}

fn mismatch(reason: String) -> CompileError {
    CompileError::Mismatch { reason }
}

fn elements(tensor: &TensorSpec) -> Result<u64> {
    tensor
        .elements()
        .ok_or_else(|| mismatch(format!("tensor `{}` is too large", tensor.name)))
}

/// Part of the new file.
enum Piece<'a> {
    /// Bytes of the original.
    Copy(&'a [u8]),
    /// New tags and lengths.
    Made(Vec<u8>),
    /// The values of a tensor.
    Values { tensor: usize, dtype: DType },
}

/// The new file, before any value is known.
struct Plan<'a> {
    spec: &'a ModelSpec,
    by_name: BTreeMap<&'a str, usize>,
    pieces: Vec<Piece<'a>>,
    /// Filled tensors found so far.
    tensors: usize,
}

impl<'a> Plan<'a> {
    fn new(original: &'a [u8], spec: &'a ModelSpec) -> Result<Self> {
        let named = spec.tensors.iter().enumerate();
        let mut plan = Self {
            spec,
            by_name: named
                .map(|(at, tensor)| (tensor.name.as_str(), at))
                .collect(),
            pieces: Vec::new(),
            tensors: 0,
        };
        let mut ir_version = 0;
        for field in Fields::new(original) {
            let field = field?;
            if field.number == 1 {
                ir_version = field.value;
            }
        }
        let mut before = Vec::new();
        let mut graph = None;
        let mut after = Vec::new();
        for field in Fields::new(original) {
            let field = field?;
            match (field.number, &graph) {
                (MODEL_GRAPH, None) => graph = Some(field.payload),
                (MODEL_GRAPH, Some(_)) => return Err(mismatch("two graphs".to_owned())),
                (_, None) => before.push(field.raw),
                (_, Some(_)) => after.push(field.raw),
            }
        }
        let graph = graph.ok_or(CompileError::Missing { what: "graph" })?;
        plan.graph(graph, ir_version >= 4)?;
        let length = plan.length();
        let mut header = Vec::new();
        put_len(&mut header, MODEL_GRAPH, length);
        let mut pieces: Vec<_> = before.into_iter().map(Piece::Copy).collect();
        pieces.push(Piece::Made(header));
        pieces.append(&mut plan.pieces);
        pieces.extend(after.into_iter().map(Piece::Copy));
        plan.pieces = pieces;
        Ok(plan)
    }

    /// Bytes of the pieces so far.
    fn length(&self) -> u64 {
        let lengths = self.pieces.iter().map(|piece| match piece {
            Piece::Copy(bytes) => bytes.len() as u64,
            Piece::Made(bytes) => bytes.len() as u64,
            Piece::Values { tensor, dtype } => {
                let spec = self.spec.tensors.get(*tensor);
                let elements = spec.and_then(TensorSpec::elements).unwrap_or(u64::MAX);
                elements.saturating_mul(dtype.bits() / 8)
            }
        });
        lengths.fold(0, u64::saturating_add)
    }

    fn graph(&mut self, graph: &'a [u8], drop_inputs: bool) -> Result<()> {
        let mut found = vec![false; self.spec.tensors.len()];
        let mut inputs = Vec::new();
        for field in Fields::new(graph) {
            let field = field?;
            let name = match field.number {
                GRAPH_INITIALIZER => string_field(field.payload, TENSOR_NAME)?,
                GRAPH_INPUT => string_field(field.payload, 1)?,
                GRAPH_NODE => constant_output(field.payload)?,
                _ => None,
            };
            let tensor = name.and_then(|name| self.by_name.get(name).copied());
            match (field.number, tensor) {
                (GRAPH_INITIALIZER | GRAPH_NODE, Some(tensor)) => {
                    let flag = found.get_mut(tensor).filter(|flag| !**flag);
                    let flag =
                        flag.ok_or_else(|| mismatch("a tensor is there twice".to_owned()))?;
                    *flag = true;
                    if field.number == GRAPH_INITIALIZER {
                        self.replace(tensor, field.payload)?;
                    } else {
                        self.constant(tensor, field.payload, drop_inputs)?;
                    }
                }
                (GRAPH_INPUT, Some(tensor)) => {
                    inputs.push((tensor, field));
                    if !drop_inputs {
                        self.pieces.push(Piece::Copy(field.raw));
                    }
                }
                _ => self.pieces.push(Piece::Copy(field.raw)),
            }
        }
        for (tensor, field) in inputs {
            if let Some(flag) = found.get_mut(tensor).filter(|flag| !**flag) {
                *flag = true;
                self.add(tensor, field)?;
            }
        }
        let missing = self
            .spec
            .tensors
            .iter()
            .zip(found)
            .find(|(_, found)| !found);
        match missing {
            Some((tensor, _)) => Err(mismatch(format!("it has no tensor `{}`", tensor.name))),
            None => Ok(()),
        }
    }

    /// An initializer with new values: type, shape and the rest stay.
    fn replace(&mut self, tensor: usize, proto: &[u8]) -> Result<()> {
        let (fields, dims, data_type) = without_values(proto)?;
        self.tensor(tensor, &dims, data_type, fields)
    }

    /// A `Constant` node turned into an initializer.
    fn constant(&mut self, tensor: usize, node: &[u8], allowed: bool) -> Result<()> {
        if !allowed {
            return Err(CompileError::Unsupported {
                what: "a weight in a Constant node of a file before IR version 4".to_owned(),
                advice: "convert the model to a later IR version",
            });
        }
        // The attribute, then its tensor.
        let proto = nested(node, &[5, 5])?.unwrap_or_default();
        let (_, dims, data_type) = without_values(proto)?;
        self.made(tensor, &dims, data_type)
    }

    /// A graph input turned into an initializer.
    fn add(&mut self, tensor: usize, field: Field<'a>) -> Result<()> {
        let graph_type = nested(field.payload, &[2, 1])?.unwrap_or_default();
        let mut data_type = 0;
        for inner in Fields::new(graph_type) {
            let inner = inner?;
            if inner.number == 1 {
                data_type = inner.value;
            }
        }
        let mut dims = Vec::new();
        for dim in Fields::new(nested(graph_type, &[2])?.unwrap_or_default()) {
            for value in Fields::new(dim?.payload) {
                let value = value?;
                if value.number == 1 {
                    dims.push(value.value);
                }
            }
        }
        self.made(tensor, &dims, data_type)
    }

    /// A new initializer.
    fn made(&mut self, tensor: usize, dims: &[u64], data_type: u64) -> Result<()> {
        let mut header = Vec::new();
        for &dim in dims {
            put_int(&mut header, TENSOR_DIMS, dim);
        }
        put_int(&mut header, TENSOR_TYPE, data_type);
        if let Some(spec) = self.spec.tensors.get(tensor) {
            put_len(&mut header, TENSOR_NAME, spec.name.len() as u64);
            header.extend_from_slice(spec.name.as_bytes());
        }
        self.tensor(tensor, dims, data_type, header)
    }

    fn tensor(
        &mut self,
        index: usize,
        dims: &[u64],
        data_type: u64,
        fields: Vec<u8>,
    ) -> Result<()> {
        let Some(spec) = self.spec.tensors.get(index) else {
            return Ok(());
        };
        if spec.dims != dims {
            return Err(mismatch(format!(
                "tensor `{}` has shape {dims:?}, the specification {:?}",
                spec.name, spec.dims
            )));
        }
        let dtype = i32::try_from(data_type)
            .ok()
            .and_then(DType::from_onnx)
            .filter(|dtype| dtype.is_weight())
            .ok_or_else(|| mismatch(format!("tensor `{}` is not of a float type", spec.name)))?;
        let bytes = elements(spec)?.saturating_mul(dtype.bits() / 8);
        let mut body = fields;
        put_len(&mut body, TENSOR_RAW, bytes);
        let mut header = Vec::new();
        let length = (body.len() as u64).saturating_add(bytes);
        put_len(&mut header, GRAPH_INITIALIZER, length);
        header.append(&mut body);
        self.pieces.push(Piece::Made(header));
        self.pieces.push(Piece::Values {
            tensor: index,
            dtype,
        });
        self.tensors += 1;
        Ok(())
    }
}

/// The fields of a `TensorProto` but for its values, with its shape and type.
fn without_values(proto: &[u8]) -> Result<(Vec<u8>, Vec<u64>, u64)> {
    let (mut fields, mut dims, mut data_type) = (Vec::new(), Vec::new(), 0);
    for inner in Fields::new(proto) {
        let inner = inner?;
        match inner.number {
            TENSOR_DIMS if inner.wire == LEN => packed(inner.payload, &mut dims)?,
            TENSOR_DIMS => dims.push(inner.value),
            TENSOR_TYPE => data_type = inner.value,
            // Values, and where they were.
            4 | 5 | 6 | 7 | TENSOR_RAW | 10 | 11 | 13 | 14 => continue,
            _ => {}
        }
        fields.extend_from_slice(inner.raw);
    }
    Ok((fields, dims, data_type))
}

/// The output of a node when it is a `Constant`.
fn constant_output(node: &[u8]) -> Result<Option<&str>> {
    let constant = string_field(node, 4)? == Some("Constant");
    Ok(string_field(node, 2)?.filter(|_| constant))
}

/// The last value of a string field.
fn string_field(message: &[u8], number: u32) -> Result<Option<&str>> {
    let mut last = None;
    for field in Fields::new(message) {
        let field = field?;
        if field.number == number && field.wire == LEN {
            last = std::str::from_utf8(field.payload).ok();
        }
    }
    Ok(last)
}

/// The message at a path of field numbers.
fn nested<'a>(message: &'a [u8], path: &[u32]) -> Result<Option<&'a [u8]>> {
    let Some((first, rest)) = path.split_first() else {
        return Ok(Some(message));
    };
    for field in Fields::new(message) {
        let field = field?;
        if field.number == *first && field.wire == LEN {
            return nested(field.payload, rest);
        }
    }
    Ok(None)
}

/// Values of a packed list of varints.
fn packed(mut payload: &[u8], out: &mut Vec<u64>) -> Result<()> {
    while !payload.is_empty() {
        let (value, rest) = super::wire::split_varint(payload)?;
        out.push(value);
        payload = rest;
    }
    Ok(())
}

fn write_values(
    index: usize,
    tensor: &TensorSpec,
    dtype: DType,
    source: &mut dyn WeightSource,
    out: &mut dyn Write,
) -> Result<()> {
    let total = elements(tensor)?;
    let mut values = vec![0.0_f32; PIECE];
    if let Fill::Constant { bits } = tensor.fill {
        values.fill(f32::from_bits(bits));
    }
    let mut bytes = Vec::new();
    let mut start = 0;
    while start < total {
        let count = usize::try_from(total - start).map_or(PIECE, |rest| rest.min(PIECE));
        let piece = values.get_mut(..count).unwrap_or_default();
        if matches!(tensor.fill, Fill::Sampled { .. }) {
            source
                .fill(index, start, piece)
                .map_err(|source| CompileError::Source {
                    tensor: tensor.name.clone(),
                    source,
                })?;
        }
        bytes.clear();
        encode(piece, dtype, &mut bytes);
        out.write_all(&bytes).map_err(no_path)?;
        start += count as u64;
    }
    Ok(())
}

fn encode(values: &[f32], dtype: DType, out: &mut Vec<u8>) {
    for &value in values {
        match dtype {
            DType::F16 => out.extend(half::f16::from_f32(value).to_le_bytes()),
            DType::BF16 => out.extend(half::bf16::from_f32(value).to_le_bytes()),
            DType::F64 => out.extend(f64::from(value).to_le_bytes()),
            _ => out.extend(value.to_le_bytes()),
        }
    }
}
