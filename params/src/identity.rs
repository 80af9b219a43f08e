//! What the verifier needs of an SRS: the bytes of `[tau]_2`, and their digest, which names the SRS
//! whatever its size.

use ff::PrimeField;
use halo2curves::bn256::{Fq, G2Affine};
use nascent_verifier::digest::tagged;

/// Length of the verifier's part of an SRS.
pub const VERIFIER_SRS_LEN: usize = 128;

/// `[tau]_2` uncompressed: `x.c0, x.c1, y.c0, y.c1`, 32 bytes each, little-endian, canonical.
pub(crate) fn verifier_bytes(tau_g2: &G2Affine) -> [u8; VERIFIER_SRS_LEN] {
    let mut out = [0; VERIFIER_SRS_LEN];
    let coordinates: [&Fq; 4] = [&tau_g2.x.c0, &tau_g2.x.c1, &tau_g2.y.c0, &tau_g2.y.c1];
    for (out, coordinate) in out.chunks_exact_mut(32).zip(coordinates) {
        out.copy_from_slice(coordinate.to_repr().as_ref());
    }
    out
}

/// The SRS's identity: a tagged Keccak-256 of [`verifier_bytes`].
pub(crate) fn identity(tau_g2: &G2Affine) -> [u8; 32] {
    tagged("nascent srs v1", &[&verifier_bytes(tau_g2)])
}
