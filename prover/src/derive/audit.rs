//! Comparing given weights with the ones a seed gives.

use std::io::{self, Read};

use nascent_verifier::TensorSpec;
use serde::Serialize;

use super::{
    Progress,
    deriver::Deriver,
    error::{AuditError, SafetensorsError},
    format::WeightSource,
};

/// Elements compared at a time.
const WINDOW: usize = 1 << 21;

/// The first element of a tensor that differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Mismatch {
    /// Index of the element, row-major.
    pub element: u64,
    /// Bits of the derived `f32`.
    pub expected: u32,
    /// Bits of the given `f32`.
    pub got: u32,
}

/// The verdict on one tensor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TensorAudit {
    /// Name.
    pub name: String,
    /// Elements compared.
    pub elements: u64,
    /// Elements that differ in any bit.
    pub mismatches: u64,
    /// The first of them.
    pub first: Option<Mismatch>,
}

/// The verdict on a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuditReport {
    /// One entry per tensor of the model, in its order.
    pub tensors: Vec<TensorAudit>,
    /// Given tensors that the model does not have; nothing is said about their content.
    pub unexpected: Vec<String>,
}

impl AuditReport {
    /// Whether every tensor of the model is as derived, bit for bit, and there are no others.
    pub fn is_match(&self) -> bool {
        self.unexpected.is_empty() && self.mismatches() == 0
    }

    /// Elements that differ, in all tensors.
    pub fn mismatches(&self) -> u64 {
        self.tensors.iter().map(|tensor| tensor.mismatches).sum()
    }
}

/// Derives every tensor again and compares it with the given one, in bounded memory.
///
/// # Errors
///
/// If a tensor is missing or has another type or shape, or if the source ends early or fails.
/// Weights that differ are no error but the content of the report.
pub fn audit(
    deriver: &Deriver<'_>,
    source: &mut dyn WeightSource,
    progress: Progress<'_>,
) -> Result<AuditReport, AuditError> {
    let model = deriver.model();
    let names: std::collections::BTreeSet<&str> =
        model.tensors.iter().map(|t| t.name.as_str()).collect();
    let mut unexpected = source.names();
    unexpected.retain(|name| !names.contains(name.as_str()));
    let mut done = 0;
    let tensors = model.tensors.iter().enumerate().map(|(index, tensor)| {
        audit_tensor(deriver, index, tensor, source, &mut |compared| {
            done += compared;
            progress(done, deriver.elements());
        })
    });
    let tensors = tensors.collect::<Result<_, AuditError>>()?;
    Ok(AuditReport {
        tensors,
        unexpected,
    })
}

fn audit_tensor(
    deriver: &Deriver<'_>,
    index: usize,
    tensor: &TensorSpec,
    source: &mut dyn WeightSource,
    done: &mut dyn FnMut(u64),
) -> Result<TensorAudit, AuditError> {
    let (start, elements) = deriver.extent(index)?;
    let mut reader = source.tensor(tensor)?;
    let mut audit = TensorAudit {
        name: tensor.name.clone(),
        elements,
        mismatches: 0,
        first: None,
    };
    let mut derived = Vec::new();
    let mut given = Vec::new();
    let mut at = 0;
    while at < elements {
        let length = (elements - at).min(WINDOW as u64) as usize;
        derived.resize(length, [0u8; 4]);
        given.resize(length, [0u8; 4]);
        let (mut read, mut filled) = (Ok(()), Ok(()));
        rayon::in_place_scope(|scope| {
            let (derived, filled) = (&mut derived, &mut filled);
            scope.spawn(move |_| *filled = deriver.fill_range(start + at, derived));
            read = reader.read_exact(given.as_flattened_mut());
        });
        read.map_err(|error| truncated(error, tensor, elements))?;
        filled?;
        compare(&mut audit, at, &derived, &given);
        at += length as u64;
        done(length as u64);
    }
    Ok(audit)
}

fn compare(audit: &mut TensorAudit, at: u64, derived: &[[u8; 4]], given: &[[u8; 4]]) {
    if derived == given {
        return;
    }
    for (element, (expected, got)) in (at..).zip(derived.iter().zip(given)) {
        if expected != got {
            audit.mismatches += 1;
            audit.first.get_or_insert(Mismatch {
                element,
                expected: u32::from_le_bytes(*expected),
                got: u32::from_le_bytes(*got),
            });
        }
    }
}

fn truncated(error: io::Error, tensor: &TensorSpec, elements: u64) -> SafetensorsError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => SafetensorsError::TensorTruncated {
            name: tensor.name.clone(),
            expected: elements.saturating_mul(4),
        },
        _ => error.into(),
    }
}
