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
use crate::fast::{self, Key};

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
    if srs.k() != k {
        return Err(KeyError::SrsSize {
            expected: k,
            got: srs.k(),
        });
    }
    let column = |index: usize| {
        let values = sheet.fixed_columns()[index].par_iter();
        values.map(|&value| field(value)).collect()
    };
    let commitments = fast::commit(srs, constraints.num_fixed_columns(), column);
    let vk = export(&Circuit {
        constraints: &constraints,
        k,
        fixed: &commitments,
        permutation: &[],
    })?;
    Ok((Key::new(constraints, k, column)?, vk))
}
