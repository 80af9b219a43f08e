//! Keys of a tile: one set for each (`k`, distribution, precision, weight digest or not) and SRS,
//! whatever the model.
//!
//! - [`TileKeys`] holds the prover's and the verifier's key;
//! - [`KeyStore`] keeps them between runs.

mod store;

use group::GroupEncoding;
use halo2_proofs::plonk::ConstraintSystem;
use halo2curves::bn256::{Fr, G1Affine};
use nascent_circuits::tile::{TileCircuit, TileParams, WEIGHT_LANES_START};
use nascent_params::Srs;
use nascent_verifier::{TileShape, VerifyingKey};

pub use store::{KeySource, KeyStore, StoredKey};

use nascent_verifier::statement::{TILE_CHAIN_ROWS, TILE_INSTANCE_ROWS};

use crate::error::KeyError;
use crate::export::{self, export};
use crate::plonk::{self, Key};

/// Everything that proving and verifying a kind of tile needs but the SRS.
#[derive(Debug)]
pub struct TileKeys {
    params: TileParams,
    key: Key,
    vk: VerifyingKey,
}

impl TileKeys {
    /// Generates the keys.
    ///
    /// # Errors
    ///
    /// If the SRS has another size than the tile, or the circuit does not fit the key's format.
    pub fn generate(params: TileParams, srs: &Srs) -> Result<Self, KeyError> {
        check_size(&params, srs)?;
        let (constraints, columns) = columns(&params)?;
        let vk = commit(&constraints, &columns, &params, srs)?;
        let key = Key::new(constraints, params.k, |index| columns[index].clone())?;
        Ok(Self { params, key, vk })
    }

    /// Generates the verifier's key alone: half the memory of both.
    ///
    /// # Errors
    ///
    /// As [`TileKeys::generate`].
    pub fn derive(params: &TileParams, srs: &Srs) -> Result<VerifyingKey, KeyError> {
        check_size(params, srs)?;
        let (constraints, columns) = columns(params)?;
        commit(&constraints, &columns, params, srs)
    }

    /// Generates the prover's key for a verifying key that is at hand, which saves committing to
    /// the fixed columns.
    ///
    /// The commitments are taken as they are: with wrong ones no proof verifies.
    ///
    /// # Errors
    ///
    /// As [`TileKeys::generate`]; and if the key is not one of this circuit, or differs in
    /// anything but the values of its commitments.
    pub fn with_verifying_key(
        params: TileParams,
        srs: &Srs,
        vk: VerifyingKey,
    ) -> Result<Self, KeyError> {
        check_size(&params, srs)?;
        let (constraints, columns) = columns(&params)?;
        let commitments = commitments(&vk);
        if commitments.len() != columns.len() {
            return Err(KeyError::Commitments {
                expected: columns.len(),
                got: commitments.len(),
            });
        }
        let exported = export_key(&constraints, &params, &commitments)?;
        if exported.digest() != vk.digest() {
            return Err(KeyError::Mismatch {
                expected: *exported.digest(),
                got: *vk.digest(),
            });
        }
        let key = Key::new(constraints, params.k, |index| columns[index].clone())?;
        Ok(Self { params, key, vk })
    }

    /// Sizes of the tile, with its sampling table.
    pub fn params(&self) -> &TileParams {
        &self.params
    }

    /// The prover's key.
    pub fn key(&self) -> &Key {
        &self.key
    }

    /// The verifier's key.
    pub fn verifying_key(&self) -> &VerifyingKey {
        &self.vk
    }

    /// Blocks of the stream that one tile covers.
    pub fn blocks(&self) -> u64 {
        self.params.blocks() as u64
    }
}

fn columns(params: &TileParams) -> Result<(ConstraintSystem<Fr>, Vec<Vec<Fr>>), KeyError> {
    let circuit = TileCircuit::shape(params.clone());
    Ok(plonk::fixed_columns(&circuit, params.k)?)
}

fn commit(
    constraints: &ConstraintSystem<Fr>,
    columns: &[Vec<Fr>],
    params: &TileParams,
    srs: &Srs,
) -> Result<VerifyingKey, KeyError> {
    let commitments = plonk::commit(srs, columns.len(), |index| columns[index].clone());
    export_key(constraints, params, &commitments)
}

fn export_key(
    constraints: &ConstraintSystem<Fr>,
    params: &TileParams,
    commitments: &[G1Affine],
) -> Result<VerifyingKey, KeyError> {
    let circuit = export::Circuit {
        constraints,
        k: params.k,
        fixed: commitments,
        permutation: &[],
    };
    let rows = if params.weight_digest {
        TILE_INSTANCE_ROWS + TILE_CHAIN_ROWS
    } else {
        TILE_INSTANCE_ROWS
    };
    let rows = u32::try_from(rows).map_err(|_| KeyError::TooLarge)?;
    Ok(export(&circuit, &[rows], Some(tile_shape(params)?))?)
}

/// The commitments of a key, without those that are no points.
fn commitments(vk: &VerifyingKey) -> Vec<G1Affine> {
    let bytes = vk.data().fixed_commitments.iter();
    bytes
        .filter_map(|bytes| {
            let mut repr = <G1Affine as GroupEncoding>::Repr::default();
            repr.as_mut().copy_from_slice(bytes);
            Option::from(G1Affine::from_bytes(&repr))
        })
        .collect()
}

/// The shape that a verifying key of such tiles carries.
///
/// # Errors
///
/// If a number does not fit the format.
pub fn tile_shape(params: &TileParams) -> Result<TileShape, KeyError> {
    let number = |value: usize| u32::try_from(value).map_err(|_| KeyError::TooLarge);
    let start = number(WEIGHT_LANES_START)?;
    let lanes = number(params.lanes())?;
    Ok(TileShape {
        k: u8::try_from(params.k).map_err(|_| KeyError::TooLarge)?,
        distribution: params.distribution,
        precision: params.precision,
        blocks: params.blocks() as u64,
        weight_columns: (start..start + lanes).collect(),
    })
}

fn check_size(params: &TileParams, srs: &Srs) -> Result<(), KeyError> {
    if srs.k() == params.k {
        Ok(())
    } else {
        Err(KeyError::SrsSize {
            expected: params.k,
            got: srs.k(),
        })
    }
}
