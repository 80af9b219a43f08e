//! Keys of a tile: one set for each (`k`, distribution, precision, weight digest or not) and SRS,
//! whatever the model.
//!
//! - [`TileKeys`] holds the library's proving key and the verifier's key;
//! - [`KeyStore`] keeps them between runs.

mod store;

use halo2_proofs::plonk::{ProvingKey, keygen_pk_impl, keygen_pk2};
use halo2curves::bn256::G1Affine;
use nascent_circuits::tile::{TileCircuit, TileParams, WEIGHT_LANES_START};
use nascent_params::Srs;
use nascent_verifier::{TileShape, VerifyingKey};

pub use store::{KeySource, KeyStore, StoredKey};

use crate::error::KeyError;
use crate::export::{ExportError, export_digest_tile, export_tile};

/// The library compresses selectors on demand; a tile has none.
const COMPRESS_SELECTORS: bool = false;

/// Everything that proving and verifying a kind of tile needs but the SRS.
#[derive(Debug)]
pub struct TileKeys {
    params: TileParams,
    pk: ProvingKey<G1Affine>,
    vk: VerifyingKey,
}

impl TileKeys {
    /// Generates the keys.
    ///
    /// # Errors
    ///
    /// If the SRS has another size than the tile, or the library refuses the circuit.
    pub fn generate(params: TileParams, srs: &Srs) -> Result<Self, KeyError> {
        check_size(&params, srs)?;
        let circuit = TileCircuit::shape(params.clone());
        let pk = keygen_pk2(srs.params(), &circuit, COMPRESS_SELECTORS)?;
        let vk = export_key(&pk, &params)?;
        Ok(Self { params, pk, vk })
    }

    /// Generates the proving key for a verifying key that is at hand, which saves committing to
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
        let circuit = TileCircuit::shape(params.clone());
        let library = store::library_key(&params, &vk)?;
        let pk = keygen_pk_impl(srs.params(), Some(library), &circuit, COMPRESS_SELECTORS)?;
        let exported = export_key(&pk, &params)?;
        if exported.digest() != vk.digest() {
            return Err(KeyError::Mismatch {
                expected: *exported.digest(),
                got: *vk.digest(),
            });
        }
        Ok(Self { params, pk, vk })
    }

    /// Sizes of the tile, with its sampling table.
    pub fn params(&self) -> &TileParams {
        &self.params
    }

    /// The library's proving key; its verifying key is inside.
    pub fn proving_key(&self) -> &ProvingKey<G1Affine> {
        &self.pk
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

fn export_key(pk: &ProvingKey<G1Affine>, params: &TileParams) -> Result<VerifyingKey, KeyError> {
    let export: fn(_, _) -> Result<_, ExportError> = if params.weight_digest {
        export_digest_tile
    } else {
        export_tile
    };
    Ok(export(pk.get_vk(), tile_shape(params)?)?)
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
