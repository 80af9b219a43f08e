//! Weights that earlier plans gave, read from their files.

use std::{
    fs::File,
    io::BufReader,
    sync::{Mutex, PoisonError},
};

use nascent_verifier::{Fill, ModelSpec, TensorSpec};

use super::{
    error::{DeriveError, SafetensorsError},
    format::SafetensorsFile,
};

/// A file of weights.
type Weights = SafetensorsFile<BufReader<File>>;

/// Files of weights that a model's inherited tensors are read from.
#[derive(Default)]
pub(super) struct Previous {
    files: Mutex<Vec<Weights>>,
}

impl Previous {
    /// Checks that every inherited tensor is in one of the files.
    pub(super) fn new(model: &ModelSpec, files: Vec<Weights>) -> Result<Self, DeriveError> {
        for tensor in &model.tensors {
            if matches!(tensor.fill, Fill::Inherited { .. }) {
                find(&files, tensor)?;
            }
        }
        let files = Mutex::new(files);
        Ok(Self { files })
    }

    /// Reads elements of an inherited tensor, from index `first` on.
    pub(super) fn read(
        &self,
        tensor: &TensorSpec,
        first: u64,
        out: &mut [[u8; 4]],
    ) -> Result<(), DeriveError> {
        // A panic elsewhere leaves a file at another place, and every read begins by a seek.
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        let at = find(&files, tensor)?;
        let Some(file) = files.get_mut(at) else {
            return Ok(());
        };
        file.read_from(tensor, first, out)
            .map_err(|source| failed(tensor, source))
    }
}

/// Position of the last file that has a tensor as it should be.
fn find(files: &[Weights], tensor: &TensorSpec) -> Result<usize, DeriveError> {
    let name = tensor.name.clone();
    let mut refused = SafetensorsError::Missing { name };
    for (at, file) in files.iter().enumerate().rev() {
        match file.extent(tensor) {
            Ok(_) => return Ok(at),
            Err(error) => refused = error,
        }
    }
    Err(failed(tensor, refused))
}

fn failed(tensor: &TensorSpec, source: SafetensorsError) -> DeriveError {
    let tensor = tensor.name.clone();
    DeriveError::Previous { tensor, source }
}
