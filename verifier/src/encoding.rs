//! Field elements and points as bytes, one encoding each.
//!
//! - A scalar: 32 bytes, little-endian, below the order.
//! - A point of G1: 32 bytes, little-endian `x` in the low 254 bits; bit 6 of
//!   the last byte is the parity of `y`, bit 7 is set for the identity alone,
//!   whose other bits are zero. Every point of the curve is in the group (the
//!   cofactor is one), so no subgroup check is needed.

use ark_bn254::{Fq, Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{AdditiveGroup, BigInt, BigInteger, Field, PrimeField};

const PARITY: u8 = 0x40;
const IDENTITY: u8 = 0x80;

/// Why 32 bytes are not a field element or point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EncodingError {
    /// A field element at or above the modulus.
    #[error("field element is not below the modulus")]
    NotCanonical,
    /// The identity flag together with other bits.
    #[error("identity point with other bits set")]
    IdentityWithJunk,
    /// No point of the curve has this `x`.
    #[error("no point of the curve has this x coordinate")]
    NotOnCurve,
}

/// Reads a scalar.
pub fn scalar_from_bytes(bytes: &[u8; 32]) -> Result<Fr, EncodingError> {
    Fr::from_bigint(limbs(bytes)).ok_or(EncodingError::NotCanonical)
}

/// Reads an element of the base field.
pub(crate) fn base_from_bytes(bytes: &[u8; 32]) -> Result<Fq, EncodingError> {
    Fq::from_bigint(limbs(bytes)).ok_or(EncodingError::NotCanonical)
}

/// Writes a scalar.
pub fn scalar_to_bytes(scalar: &Fr) -> [u8; 32] {
    le_bytes(scalar.into_bigint())
}

/// Reads a point of G1.
pub fn point_from_bytes(bytes: &[u8; 32]) -> Result<G1Affine, EncodingError> {
    let mut x = *bytes;
    let [.., top] = &mut x;
    let flags = *top & (PARITY | IDENTITY);
    *top &= !(PARITY | IDENTITY);
    let x = base_from_bytes(&x)?;
    if flags & IDENTITY != 0 {
        if flags & PARITY != 0 || x != Fq::ZERO {
            return Err(EncodingError::IdentityWithJunk);
        }
        return Ok(G1Affine::identity());
    }
    let y = curve_y(x).ok_or(EncodingError::NotOnCurve)?;
    let odd = y.into_bigint().is_odd();
    let y = if odd == (flags & PARITY != 0) { y } else { -y };
    Ok(G1Affine::new_unchecked(x, y))
}

/// Writes a point of G1.
pub fn point_to_bytes(point: &G1Affine) -> [u8; 32] {
    let Some((x, y)) = point.xy() else {
        let mut bytes = [0; 32];
        let [.., top] = &mut bytes;
        *top = IDENTITY;
        return bytes;
    };
    let mut bytes = le_bytes(x.into_bigint());
    if y.into_bigint().is_odd() {
        let [.., top] = &mut bytes;
        *top |= PARITY;
    }
    bytes
}

/// A square root of `x^3 + 3`.
fn curve_y(x: Fq) -> Option<Fq> {
    let square = x.square() * x + Fq::from(3_u64);
    square.sqrt()
}

fn limbs(bytes: &[u8; 32]) -> BigInt<4> {
    let mut out = [0_u64; 4];
    for (limb, chunk) in out.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    BigInt::new(out)
}

pub(crate) fn le_bytes(value: BigInt<4>) -> [u8; 32] {
    let mut out = [0; 32];
    for (chunk, limb) in out.as_chunks_mut::<8>().0.iter_mut().zip(value.0) {
        *chunk = limb.to_le_bytes();
    }
    out
}
