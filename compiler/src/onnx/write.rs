//! Writing a model back with its weights filled in.
//!
//! The file is copied field by field; only the filled tensors are replaced, so
//! everything else, known to this version or not, comes out as it went in.
//! Values are asked for in pieces and written as they come: memory does not
//! grow with the model.

use super::splice::{Piece, Plan, elements};
use crate::error::{CompileError, Result};
use crate::graph::DType;
use crate::limits::Limits;
use crate::model::read_file;
use nascent_verifier::{Fill, ModelSpec, TensorSpec};
use std::io::{BufWriter, Write};
use std::path::Path;

/// Values asked for at a time.
const PIECE: usize = 1 << 16;
/// A protobuf message holds less than this.
const MAX_MESSAGE: u64 = 1 << 31;

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
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
        if !matches!(tensor.fill, Fill::Constant { .. }) {
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
