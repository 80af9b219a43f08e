//! The seam between tiles and whatever makes their proofs.
//!
//! [`create_proof`] is the one function that another backend replaces. It is our own prover
//! ([`crate::plonk`]); its proofs are those of the library: same transcript, same order, accepted
//! by the library's verifier.

use halo2curves::bn256::Fr;
use nascent_circuits::tile::TileCircuit;
use nascent_params::Srs;
use nascent_verifier::Digest32;
use rand_core::{CryptoRng, RngCore};

use crate::error::ProveError;
use crate::keys::TileKeys;
use crate::plonk;
use crate::transcript::Keccak;

/// Name of the backend, for estimates and reports.
pub const NAME: &str = "nascent";

/// Proves a tile.
///
/// `instance` is the circuit's one instance column, `prefix` the first word of the transcript
/// ([`nascent_verifier::TileStatement::transcript_prefix`]). Blinding comes from `rng`.
///
/// # Errors
///
/// If the SRS has another size than the keys, or the proof cannot be made.
pub fn create_proof(
    srs: &Srs,
    keys: &TileKeys,
    circuit: TileCircuit,
    instance: &[Fr],
    prefix: Digest32,
    mut rng: impl RngCore + CryptoRng,
) -> Result<Vec<u8>, ProveError> {
    let expected = keys.params().k;
    if srs.k() != expected {
        return Err(ProveError::SrsSize {
            expected,
            got: srs.k(),
        });
    }
    let proof = Vec::with_capacity(keys.verifying_key().proof_len());
    let mut transcript = Keccak::new(proof, &prefix);
    plonk::create_proof(
        srs,
        keys.key(),
        circuit,
        &[instance],
        &mut rng,
        &mut transcript,
    )?;
    Ok(transcript.into_inner())
}
