//! A model's file.

use crate::files::{self, FileError};
use nascent_compiler::infer::Model;
use nascent_compiler::{Architecture, CompileError, Limits};
use std::path::{Path, PathBuf};

/// Most bytes of a model's file: protobuf's own limit.
const MOST_BYTES: usize = 2 << 30;

/// A model's file: ONNX, or a description in TOML.
#[derive(Debug, Clone)]
pub struct ModelFile {
    /// Where it is: its external data lie beside it, and its name says what it is.
    pub path: PathBuf,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

impl ModelFile {
    /// Reads it.
    ///
    /// # Errors
    /// It cannot be read, or has more than 2 GiB.
    pub fn open(path: &Path) -> Result<Self, FileError> {
        Ok(Self {
            path: path.to_path_buf(),
            bytes: files::read_bounded(path, MOST_BYTES)?,
        })
    }

    /// The model without its weights' values.
    ///
    /// # Errors
    /// It is no model, or past the limits.
    pub fn architecture(&self, limits: &Limits) -> Result<Architecture, CompileError> {
        Architecture::parse(&self.path, &self.bytes, limits)
    }

    /// The same as the compiler takes it.
    pub(crate) fn onnx(&self) -> Model<'_> {
        Model {
            bytes: &self.bytes,
            folder: self.path.parent(),
        }
    }

    /// Its name without folder and ending.
    pub(crate) fn stem(&self) -> String {
        let stem = self.path.file_stem();
        stem.map_or_else(
            || "model".to_owned(),
            |stem| stem.to_string_lossy().into_owned(),
        )
    }
}
