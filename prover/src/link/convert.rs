//! The verifier's field elements and points as the proof library's, and back: through their bytes,
//! which are the same.

use ff::PrimeField;
use group::GroupEncoding;
use halo2curves::bn256::{Fr, G1Affine};
use nascent_verifier::encoding::EncodingError;

/// A scalar from the canonical bytes that the verifier writes.
pub(super) fn field_element(bytes: &[u8; 32]) -> Fr {
    Option::from(Fr::from_repr(*bytes)).unwrap_or_default()
}

/// A point from its bytes.
pub(super) fn curve_point(bytes: &[u8; 32]) -> Result<G1Affine, EncodingError> {
    let mut repr = <G1Affine as GroupEncoding>::Repr::default();
    repr.as_mut().copy_from_slice(bytes);
    Option::from(G1Affine::from_bytes(&repr)).ok_or(EncodingError::NotOnCurve)
}
