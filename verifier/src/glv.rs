//! Halves of scalars: `k P = a P + b phi(P)` with `a` and `b` of 127 bits.
//!
//! `phi(x, y) = (beta x, y)` is multiplication by `lambda`; `beta` and `lambda`
//! are cube roots of one (Gallant, Lambert, Vanstone, CRYPTO 2001). The pairs
//! `(a, b)` with `a + lambda b = 0` have the short basis `(N11, -N12)`,
//! `(N12, N22)`; `k` less the nearest of them leaves little. That
//! `a + lambda b = k` is computed in the field and holds whatever is rounded;
//! only the size of `a` and `b` hangs on the rounding.

use ark_bn254::{Fr, G1Affine, g1};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{AdditiveGroup, MontFp, PrimeField};

const N12: Fr = MontFp!("9931322734385697763");
const N22: Fr = MontFp!("147946756881789319010696353538189108491");

/// `round(2^256 N22 / r)`, low limb first.
const RATIO_22: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 2];
/// `round(2^256 N12 / r)`.
const RATIO_12: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 2, 0];

/// A half of a scalar.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Half {
    /// The magnitude, low limb first.
    pub(crate) limbs: [u64; 4],
    pub(crate) negative: bool,
}

/// `(a, b)` with `a + lambda b = k`.
pub(crate) fn halves(k: &Fr) -> [Half; 2] {
    let limbs = k.into_bigint().0;
    let first = Fr::from(high_product(&limbs, &RATIO_22));
    let second = Fr::from(high_product(&limbs, &RATIO_12));
    let b = first * N12 - second * N22;
    let a = *k - b * g1::Config::LAMBDA;
    [Half::new(a), Half::new(b)]
}

/// `phi(P)`, for `P` not the identity.
pub(crate) fn endomorphism(point: &G1Affine) -> G1Affine {
    g1::Config::endomorphism_affine(point)
}

impl Half {
    /// The representative of least magnitude.
    fn new(value: Fr) -> Self {
        let (positive, negated) = (value.into_bigint(), (-value).into_bigint());
        let negative = value != Fr::ZERO && negated < positive;
        Self {
            limbs: if negative { negated.0 } else { positive.0 },
            negative,
        }
    }
}

/// `round(a b / 2^256)` modulo `2^128`.
fn high_product(a: &[u64; 4], b: &[u64; 3]) -> u128 {
    let mut product = [0_u64; 8];
    for (shift, x) in a.iter().enumerate() {
        let mut carry = 0_u128;
        // Three limbs of `b`, then the carry.
        let limbs = b.iter().chain(&[0]);
        for (limb, y) in product.iter_mut().skip(shift).zip(limbs) {
            carry += u128::from(*limb) + u128::from(*x) * u128::from(*y);
            *limb = low(carry);
            carry >>= 64;
        }
    }
    let [_, _, _, rounding, first, second, ..] = product;
    (u128::from(first) | u128::from(second) << 64).wrapping_add(u128::from(rounding >> 63))
}

/// The low limb.
fn low(value: u128) -> u64 {
    u64::try_from(value & u128::from(u64::MAX)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{keccak256, to_scalar};
    use ark_ec::{AffineRepr, CurveGroup};
    use ark_ff::{BigInt, BigInteger, Field};

    fn samples() -> impl Iterator<Item = Fr> {
        let edges = [0_u64, 1, 2, u64::MAX].map(Fr::from);
        let roots = [g1::Config::LAMBDA, g1::Config::LAMBDA.square(), N12, N22];
        let half = Fr::from(2_u64).inverse().unwrap_or_default();
        let random = (0..2000_u64).map(|index| to_scalar(&keccak256(&[&index.to_be_bytes()])));
        let edges = edges.into_iter().chain(roots).chain([half]);
        edges.flat_map(|value| [value, -value]).chain(random)
    }

    fn value(half: Half) -> Fr {
        let value = Fr::from_bigint(BigInt::new(half.limbs)).expect("below the order");
        if half.negative { -value } else { value }
    }

    #[test]
    fn halves_recompose_and_are_short() {
        for k in samples() {
            let halves = halves(&k);
            for half in halves {
                assert!(BigInt::<4>::new(half.limbs).num_bits() <= 127, "{half:?}");
            }
            let [a, b] = halves.map(value);
            assert_eq!(a + b * g1::Config::LAMBDA, k);
        }
    }

    #[test]
    fn the_endomorphism_is_a_multiplication() {
        let point = (G1Affine::generator() * Fr::from(77_u64)).into_affine();
        let expected = (point * g1::Config::LAMBDA).into_affine();
        assert_eq!(endomorphism(&point), expected);
    }

    #[test]
    fn high_products() {
        assert_eq!(high_product(&[u64::MAX; 4], &[1, 0, 0]), 1);
        assert_eq!(high_product(&[u64::MAX; 4], &[0, 1, 0]), 1 << 64);
        assert_eq!(high_product(&[0, 0, 0, 1 << 63], &[1, 0, 0]), 1);
        assert_eq!(high_product(&[0, 0, 0, (1 << 63) - 1], &[1, 0, 0]), 0);
        assert_eq!(high_product(&[0, 0, 0, 6], &[0, 7, 0]), 42);
    }
}
