//! The seam between tiles and whatever makes their proofs.
//!
//! [`create_proof`] is the one function that another backend replaces. Its proofs are those of
//! the library: same transcript, same order, accepted by the library's verifier.

use halo2_proofs::plonk;
use halo2_proofs::poly::kzg::commitment::KZGCommitmentScheme;
use halo2_proofs::poly::kzg::multiopen::ProverSHPLONK;
use halo2curves::bn256::{Bn256, Fr};
use nascent_circuits::tile::TileCircuit;
use nascent_params::Srs;
use nascent_verifier::Digest32;
use rand_core::{CryptoRng, RngCore};

use crate::error::ProveError;
use crate::keys::TileKeys;
use crate::transcript::Keccak;

/// Name of the backend, for estimates and reports.
pub const NAME: &str = "halo2-axiom 0.5.3";

/// Proves a tile.
///
/// `instance` is the circuit's one instance column, `prefix` the first word of the transcript
/// ([`nascent_verifier::TileStatement::transcript_prefix`]). Blinding comes from `rng`.
///
/// # Errors
///
/// If the SRS has another size than the keys, or the library cannot make the proof.
pub fn create_proof(
    srs: &Srs,
    keys: &TileKeys,
    circuit: TileCircuit,
    instance: &[Fr],
    prefix: Digest32,
    rng: impl RngCore + CryptoRng,
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
    plonk::create_proof::<KZGCommitmentScheme<Bn256>, ProverSHPLONK<'_, Bn256>, _, _, _, _>(
        srs.params(),
        keys.proving_key(),
        &[circuit],
        &[&[instance]],
        rng,
        &mut transcript,
    )?;
    Ok(transcript.into_inner())
}
