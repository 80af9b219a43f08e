//! RFC 9381: ECVRF-EDWARDS25519-SHA512-TAI.
//!
//! The holder of a key computes an output and a proof from an input; the key has one output for
//! each input. Evidence is the proof of section 5.5: `Gamma` (32 bytes), `c` (16), `s` (32).

use crate::Finding;
use vrf_rfc9381::ec::edwards25519::EdVrfProof;
use vrf_rfc9381::ec::edwards25519::tai::EdVrfEdwards25519TaiPublicKey;
use vrf_rfc9381::{Proof, Verifier};

/// Evidence: the proof, exactly.
pub(crate) fn examine(
    key: &[u8; 32],
    alpha: &[u8],
    evidence: &[u8],
) -> Result<(Vec<u8>, Finding), VrfError> {
    if !is_reduced(key) {
        return Err(VrfError::Key);
    }
    // Refuses keys of small order (section 5.4.5), for which every output is the same.
    let key = EdVrfEdwards25519TaiPublicKey::from_slice(key).map_err(|_| VrfError::Key)?;
    if evidence.len() != EdVrfProof::PROOF_LEN {
        return Err(VrfError::Length {
            expected: EdVrfProof::PROOF_LEN,
            got: evidence.len(),
        });
    }
    let proof = EdVrfProof::decode_pi(evidence).map_err(|_| VrfError::Proof)?;
    // The library reduces `s`, which the standard refuses, and takes points in two spellings.
    if proof.encode_to_pi() != evidence {
        return Err(VrfError::Proof);
    }
    let output = key.verify(alpha, proof).map_err(|_| VrfError::Proof)?;
    Ok((output.to_vec(), Finding::Vrf))
}

/// Whether a point's coordinate is below `p = 2^255 - 19`: it has one spelling.
fn is_reduced(point: &[u8; 32]) -> bool {
    let [low, middle @ .., high] = point;
    *low < 0xed || middle.iter().any(|byte| *byte != 0xff) || high & 0x7f != 0x7f
}

/// Why a VRF proof is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum VrfError {
    /// A key that is no point, has small order, or is not in its one encoding.
    #[error("the public key is not one")]
    Key,
    /// Not a proof's length.
    #[error("proof of {got} bytes, expected {expected}")]
    Length {
        /// Bytes of a proof.
        expected: usize,
        /// Bytes found.
        got: usize,
    },
    /// A proof of something else, of someone else, or of nothing.
    #[error("the proof does not hold for this key and input")]
    Proof,
}
