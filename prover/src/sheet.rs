//! Keys of circuits whose fixed columns stand in a sheet of integers.

use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::Fr;
use nascent_circuits::inference::linear::field;
use nascent_circuits::inference::sheet::Sheet;
use nascent_params::Srs;
use nascent_verifier::VerifyingKey;
use rayon::prelude::*;

use crate::error::KeyError;
use crate::export::{Circuit, ExportError};
use crate::plonk::{self, Key};

/// Generates the keys of a circuit with `2^k` rows; `export` makes the verifier's.
///
/// # Errors
///
/// If the SRS has another size, the prover refuses the constraints, or `export` fails.
pub(crate) fn generate(
    constraints: ConstraintSystem<Fr>,
    sheet: &Sheet,
    k: u32,
    srs: &Srs,
    export: impl FnOnce(&Circuit<'_>) -> Result<VerifyingKey, ExportError>,
) -> Result<(Key, VerifyingKey), KeyError> {
    let vk = verifying_key(&constraints, sheet, k, srs, export)?;
    Ok((Key::new(constraints, k, |index| column(sheet, index))?, vk))
}

/// Generates the verifier's key alone: one column of field elements a thread is held, not all.
///
/// # Errors
///
/// If the SRS has another size, or `export` fails.
pub(crate) fn verifying_key(
    constraints: &ConstraintSystem<Fr>,
    sheet: &Sheet,
    k: u32,
    srs: &Srs,
    export: impl FnOnce(&Circuit<'_>) -> Result<VerifyingKey, ExportError>,
) -> Result<VerifyingKey, KeyError> {
    if srs.k() != k {
        return Err(KeyError::SrsSize {
            expected: k,
            got: srs.k(),
        });
    }
    let columns = constraints.num_fixed_columns();
    let commitments = plonk::commit(srs, columns, |index| column(sheet, index));
    Ok(export(&Circuit {
        constraints,
        k,
        fixed: &commitments,
        permutation: &[],
    })?)
}

fn column(sheet: &Sheet, index: usize) -> Vec<Fr> {
    let values = sheet.fixed_columns()[index].par_iter();
    values.map(|&value| field(value)).collect()
}
