//! A model's weights as a safetensors file, without holding them.

use std::{
    collections::BTreeMap,
    io::{self, Write},
    path::Path,
};

use nascent_verifier::Digest32;

use super::{Progress, deriver::Deriver, error::DeriveError, format::header};
use crate::error::Hex;
use crate::files::publish_atomically;

/// Elements derived at a time; two such buffers are the memory this needs.
const WINDOW: usize = 1 << 22;

/// How the keys begin that are this project's, in the strings of a header.
pub const STAMP: &str = "nascent.";
/// Key of the digest of the model specification, in hexadecimal.
pub const MODEL_KEY: &str = "nascent.model_digest";
/// Key of the digest of the plan.
pub const PLAN_KEY: &str = "nascent.plan_digest";
/// Key of the weight digest.
pub const WEIGHTS_KEY: &str = "nascent.weight_digest";

/// What the file says about itself, in the strings of its header.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Metadata {
    /// Digest of the plan that the weights follow, if there is one.
    pub plan: Option<Digest32>,
    /// Digest of the weights, where the plan asks for it.
    pub weight_digest: Option<Digest32>,
    /// Further strings. Keys that start with `nascent.` are this crate's.
    pub extra: BTreeMap<String, String>,
}

impl Deriver<'_> {
    /// Writes the elements of a tensor as little-endian `f32`, in bounded memory.
    ///
    /// # Errors
    ///
    /// If there is no such tensor or the sink fails.
    pub fn write_tensor(&self, tensor: usize, sink: &mut dyn Write) -> Result<(), DeriveError> {
        let (first, length) = self.extent(tensor)?;
        self.write_range(first, length, sink, &|_| ())?;
        Ok(())
    }

    /// Writes a run of all tensors laid end to end; one window is written as the next is derived.
    fn write_range(
        &self,
        first: u64,
        length: u64,
        sink: &mut (dyn Write + '_),
        done: &(dyn Fn(u64) + Sync),
    ) -> Result<(), DeriveError> {
        let window = |at: u64| (length - at).min(WINDOW as u64) as usize;
        let mut ready = vec![[0u8; 4]; window(0)];
        let mut next = Vec::new();
        self.fill_range(first, &mut ready)?;
        let mut at = 0;
        while !ready.is_empty() {
            let after = at + ready.len() as u64;
            next.resize(window(after), [0u8; 4]);
            // The sink need not be Send: it is used on this thread while the pool derives.
            let (mut written, mut filled) = (Ok(()), Ok(()));
            rayon::in_place_scope(|scope| {
                let (next, filled) = (&mut next, &mut filled);
                scope.spawn(move |_| *filled = self.fill_range(first + after, next));
                written = sink.write_all(ready.as_flattened());
            });
            written?;
            filled?;
            done(after);
            at = after;
            std::mem::swap(&mut ready, &mut next);
        }
        Ok(())
    }
}

/// Writes all tensors of a model, in its order, as `F32`; returns the number of bytes.
///
/// The file appears under its name only when it is complete and on the disk. Its header carries
/// `nascent.model_digest` and, if given, `nascent.plan_digest` and `nascent.weight_digest`, in
/// hexadecimal.
///
/// # Errors
///
/// If a tensor's name is reserved, if the header gets too large, if an inherited tensor cannot be
/// read, or if writing fails.
pub fn write_safetensors(
    deriver: &Deriver<'_>,
    path: &Path,
    metadata: &Metadata,
    progress: Progress<'_>,
) -> Result<u64, DeriveError> {
    let mut bytes = 0;
    // Before a file is made.
    let header = metadata.header(deriver)?;
    publish_atomically(path, |file| {
        bytes = write_all(deriver, &header, file, progress).map_err(|error| match error {
            DeriveError::Sink(error) => error,
            error => io::Error::other(error),
        })?;
        Ok(())
    })
    .map_err(|source| DeriveError::Write {
        path: path.to_owned(),
        source,
    })?;
    Ok(bytes)
}

/// As [`write_safetensors`], to any writer.
///
/// # Errors
///
/// As [`write_safetensors`]; a failing writer is [`DeriveError::Sink`].
pub fn write_safetensors_to(
    deriver: &Deriver<'_>,
    sink: &mut dyn Write,
    metadata: &Metadata,
    progress: Progress<'_>,
) -> Result<u64, DeriveError> {
    let header = metadata.header(deriver)?;
    write_all(deriver, &header, sink, progress)
}

fn write_all(
    deriver: &Deriver<'_>,
    header: &[u8],
    sink: &mut dyn Write,
    progress: Progress<'_>,
) -> Result<u64, DeriveError> {
    let total = deriver.elements();
    sink.write_all(header)?;
    deriver.write_range(0, total, sink, &|done| progress(done, total))?;
    Ok(header.len() as u64 + 4 * total)
}

impl Metadata {
    /// The header of the file that a deriver gives.
    fn header(&self, deriver: &Deriver<'_>) -> Result<Vec<u8>, DeriveError> {
        let mut strings = self.extra.clone();
        strings.insert("format".into(), "pt".into());
        let digest = deriver.model().digest()?;
        strings.insert(MODEL_KEY.into(), Hex(&digest).to_string());
        if let Some(plan) = &self.plan {
            strings.insert(PLAN_KEY.into(), Hex(plan).to_string());
        }
        if let Some(weights) = &self.weight_digest {
            strings.insert(WEIGHTS_KEY.into(), Hex(weights).to_string());
        }
        header(&deriver.model().tensors, &strings)
    }
}
