//! Field elements and points as bytes, one encoding each.
//!
//! - A scalar: 32 bytes, little-endian, below the order.
//! - A point of G1: 32 bytes, little-endian `x` in the low 254 bits; bit 6 of
//!   the last byte is the parity of `y`, bit 7 is set for the identity alone,
//!   whose other bits are zero. Every point of the curve is in the group (the
//!   cofactor is one), so no subgroup check is needed.

use alloc::vec::Vec;
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
    let compressed = Compressed::parse(bytes)?;
    let mut root = [compressed.square()];
    root_candidates(&mut root);
    let [root] = root;
    compressed.complete(root)
}

/// Reads points of G1; an error comes with its position. Faster than one by
/// one: the square roots run in step.
pub(crate) fn points_from_bytes(
    bytes: &[[u8; 32]],
) -> Result<Vec<G1Affine>, (usize, EncodingError)> {
    let parse = |(position, bytes)| Compressed::parse(bytes).map_err(|error| (position, error));
    let compressed = bytes.iter().enumerate().map(parse);
    let compressed = compressed.collect::<Result<Vec<_>, _>>()?;
    let mut roots: Vec<Fq> = compressed.iter().map(Compressed::square).collect();
    root_candidates(&mut roots);
    let complete = |(position, (compressed, root)): (usize, (&Compressed, Fq))| {
        compressed.complete(root).map_err(|error| (position, error))
    };
    compressed
        .iter()
        .zip(roots)
        .enumerate()
        .map(complete)
        .collect()
}

/// A point without its `y`.
struct Compressed {
    x: Fq,
    odd: bool,
    identity: bool,
}

impl Compressed {
    fn parse(bytes: &[u8; 32]) -> Result<Self, EncodingError> {
        let mut x = *bytes;
        let [.., top] = &mut x;
        let flags = *top & (PARITY | IDENTITY);
        *top &= !(PARITY | IDENTITY);
        let out = Self {
            x: base_from_bytes(&x)?,
            odd: flags & PARITY != 0,
            identity: flags & IDENTITY != 0,
        };
        if out.identity && (out.odd || out.x != Fq::ZERO) {
            return Err(EncodingError::IdentityWithJunk);
        }
        Ok(out)
    }

    /// `x^3 + 3`.
    fn square(&self) -> Fq {
        self.x.square() * self.x + Fq::from(3_u64)
    }

    /// The point, if the candidate is a root.
    fn complete(&self, y: Fq) -> Result<G1Affine, EncodingError> {
        if self.identity {
            return Ok(G1Affine::identity());
        }
        if y.square() != self.square() {
            return Err(EncodingError::NotOnCurve);
        }
        let odd = y.into_bigint().is_odd();
        let y = if odd == self.odd { y } else { -y };
        Ok(G1Affine::new_unchecked(self.x, y))
    }
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

/// Bits of an odd power in the chain of [`root_candidates`].
const WINDOW: usize = 4;
/// Odd powers up to `2^WINDOW`.
const ODD_POWERS: usize = 1 << (WINDOW - 1);

/// Raises each value to `(p + 1) / 4`: a square root, if it has one, since
/// `p = 3 mod 4`. Several values at a time, because the products of one chain
/// wait for each other.
fn root_candidates(values: &mut [Fq]) {
    let steps = root_steps();
    for chunk in values.chunks_mut(4) {
        let powers: Vec<[Fq; ODD_POWERS]> = chunk.iter().map(odd_powers).collect();
        let multiply = |chunk: &mut [Fq], index: usize| {
            for (value, powers) in chunk.iter_mut().zip(&powers) {
                if let Some(power) = powers.get(index) {
                    *value *= power;
                }
            }
        };
        chunk.fill(Fq::ONE);
        for (position, &(squarings, power)) in steps.iter().enumerate() {
            // One stays one.
            let squarings = if position == 0 { 0 } else { squarings };
            for _ in 0..squarings {
                for value in chunk.iter_mut() {
                    value.square_in_place();
                }
            }
            if let Some(index) = power {
                multiply(chunk, index);
            }
        }
    }
}

/// `x, x^3, x^5, ..`
fn odd_powers(x: &Fq) -> [Fq; ODD_POWERS] {
    let square = x.square();
    let mut power = *x;
    core::array::from_fn(|index| {
        if index > 0 {
            power *= square;
        }
        power
    })
}

/// The exponent `(p + 1) / 4` in sliding windows: squarings, then which odd power
/// is multiplied in, if any.
fn root_steps() -> Vec<(usize, Option<usize>)> {
    let mut exponent = Fq::MODULUS;
    exponent.add_with_carry(&BigInt::from(1_u64));
    exponent.div2();
    exponent.div2();
    let bits = exponent.to_bits_be();
    let mut rest: &[bool] = bits.as_slice();
    let mut steps = Vec::new();
    let mut zeros = 0;
    while let [first, after @ ..] = rest {
        if !first {
            zeros += 1;
            rest = after;
            continue;
        }
        // As much as ends in a one.
        let window = rest.get(..WINDOW).unwrap_or(rest);
        let length = window
            .iter()
            .rposition(|bit| *bit)
            .map_or(1, |last| last + 1);
        let (window, after) = rest.split_at_checked(length).unwrap_or((rest, &[]));
        let value = window
            .iter()
            .fold(0, |value, bit| 2 * value + usize::from(*bit));
        steps.push((zeros + window.len(), Some(value / 2)));
        zeros = 0;
        rest = after;
    }
    steps.push((zeros, None));
    steps
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{keccak256, to_scalar};
    use ark_ec::CurveGroup;

    fn point(index: u8) -> G1Affine {
        (G1Affine::generator() * to_scalar(&keccak256(&[&[index]]))).into_affine()
    }

    #[test]
    fn points_round_trip_one_by_one_and_together() {
        let mut points: Vec<G1Affine> = (0..21).map(point).collect();
        points.push(G1Affine::identity());
        points.push(-point(3));
        let bytes: Vec<[u8; 32]> = points.iter().map(point_to_bytes).collect();
        assert_eq!(points_from_bytes(&bytes), Ok(points.clone()));
        for (bytes, point) in bytes.iter().zip(&points) {
            assert_eq!(point_from_bytes(bytes), Ok(*point));
            assert!(point.is_on_curve());
        }
    }

    #[test]
    fn the_chain_is_the_exponent() {
        for index in 0..9_u64 {
            let value = Fq::from(index + 2).square();
            let mut root = [value];
            root_candidates(&mut root);
            assert_eq!(root[0].square(), value);
        }
    }

    #[test]
    fn a_second_encoding_of_a_point_is_refused() {
        let mut bytes = [0; 32];
        bytes[31] = IDENTITY;
        assert_eq!(point_from_bytes(&bytes), Ok(G1Affine::identity()));
        for (at, bits) in [(31, IDENTITY | PARITY), (0, 1), (31, IDENTITY | 1)] {
            let mut junk = bytes;
            junk[at] |= bits;
            assert_eq!(
                point_from_bytes(&junk),
                Err(EncodingError::IdentityWithJunk)
            );
        }
        let modulus = le_bytes(Fq::MODULUS);
        assert_eq!(point_from_bytes(&modulus), Err(EncodingError::NotCanonical));
        // 0^3 + 3 is no square.
        assert_eq!(point_from_bytes(&[0; 32]), Err(EncodingError::NotOnCurve));
        let mut list = [point_to_bytes(&point(1)); 9];
        list[7] = [0; 32];
        assert_eq!(
            points_from_bytes(&list),
            Err((7, EncodingError::NotOnCurve))
        );
    }

    #[test]
    fn scalars_are_canonical() {
        let largest = scalar_to_bytes(&-Fr::ONE);
        assert_eq!(scalar_from_bytes(&largest), Ok(-Fr::ONE));
        let order = le_bytes(Fr::MODULUS);
        assert_eq!(scalar_from_bytes(&order), Err(EncodingError::NotCanonical));
        assert_eq!(
            scalar_from_bytes(&[0xff; 32]),
            Err(EncodingError::NotCanonical)
        );
    }
}
