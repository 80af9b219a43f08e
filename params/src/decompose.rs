//! Splitting a scalar by the curve's endomorphism, and signed digits of the halves.
//!
//! With `zeta` a cube root of one, `zeta P = (zeta' x, y)` costs one product. Pairs `(a, b)` with
//! `a + b zeta = 0` form a lattice; for the curve's parameter `u` it has the short basis
//! `(6u^2 + 2u, -(2u + 1))`, `(2u + 1, 6u^2 + 4u + 1)` of determinant `r`. Taking a nearby
//! lattice point off `(k, 0)` leaves two halves of at most 128 bits with
//! `k = k_1 + k_2 zeta`.

use ff::{PrimeField, WithSmallOrderMulGroup};
use halo2curves::bn256::Fr;

/// `2u + 1`.
const SHORT: u128 = 0x89d3_2568_94d2_13e3;
/// `6u^2 + 4u + 1`.
const LONG: u128 = 0x6f4d_8248_eeb8_59fd_0be4_e154_1221_250b;
/// `floor(2^256 LONG / r)`.
const LONG_RATIO: [u64; 3] = [0x5398_fd03_00ff_6565, 0x4cce_f014_a773_d2d2, 2];
/// `floor(2^256 SHORT / r)`.
const SHORT_RATIO: [u64; 3] = [0xd91d_232e_c7e0_b3d7, 2, 0];

/// Half of a scalar: a sign and at most 128 bits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HalfScalar {
    magnitude: u128,
    negative: bool,
}

/// `(k_1, k_2)` with `k = k_1 + k_2 zeta`.
pub(crate) fn decompose(scalar: &Fr) -> (HalfScalar, HalfScalar) {
    let limbs = to_limbs(scalar);
    let first = multiply_high(LONG_RATIO, limbs);
    let second = multiply_high(SHORT_RATIO, limbs);
    let k2 =
        Fr::from_u128(first) * Fr::from_u128(SHORT) - Fr::from_u128(second) * Fr::from_u128(LONG);
    let k1 = scalar - k2 * Fr::ZETA;
    (HalfScalar::new(&k1), HalfScalar::new(&k2))
}

fn to_limbs(scalar: &Fr) -> [u64; 4] {
    let mut limbs = [0; 4];
    for (limb, bytes) in limbs
        .iter_mut()
        .zip(scalar.to_repr().as_ref().chunks_exact(8))
    {
        *limb = bytes
            .iter()
            .rev()
            .fold(0, |acc, byte| acc << 8 | u64::from(*byte));
    }
    limbs
}

/// `floor(a b / 2^256)`, which fits 128 bits for the ratios above.
fn multiply_high(a: [u64; 3], b: [u64; 4]) -> u128 {
    let mut product = [0u64; 7];
    for (i, a) in a.into_iter().enumerate() {
        let mut carry = 0u128;
        for (j, b) in b.into_iter().enumerate() {
            let sum = u128::from(a) * u128::from(b) + u128::from(product[i + j]) + carry;
            product[i + j] = sum as u64;
            carry = sum >> 64;
        }
        product[i + 4] = carry as u64;
    }
    u128::from(product[4]) | u128::from(product[5]) << 64
}

impl HalfScalar {
    /// Reads a scalar of small magnitude: the sign is the one that leaves 128 bits.
    fn new(scalar: &Fr) -> Self {
        let small = |scalar: &Fr| {
            let [a, b, c, d] = to_limbs(scalar);
            (c == 0 && d == 0).then_some(u128::from(a) | u128::from(b) << 64)
        };
        match small(scalar) {
            Some(magnitude) => Self {
                magnitude,
                negative: false,
            },
            None => {
                let magnitude = small(&-scalar);
                debug_assert!(magnitude.is_some(), "the halves have 128 bits");
                Self {
                    magnitude: magnitude.unwrap_or(0),
                    negative: true,
                }
            }
        }
    }

    /// Calls `each(position, digit)` for the nonzero digits of the width-`w` non-adjacent form:
    /// odd digits of magnitude below `2^(w-1)`, at most one in any `w` consecutive positions.
    pub(crate) fn non_adjacent_form(self, width: u32, mut each: impl FnMut(usize, i8)) {
        let modulus = 1i32 << width;
        let mut rest = self.magnitude;
        // A carry may leave the 128 bits: it is kept beside them.
        let mut carry = false;
        let mut position = 0;
        while rest != 0 || carry {
            let low = ((rest & (modulus as u128 - 1)) as i32) + i32::from(carry);
            if low & 1 == 1 {
                let digit = if low >= modulus / 2 {
                    low - modulus
                } else {
                    low
                };
                carry = digit < 0;
                each(
                    position,
                    if self.negative {
                        -digit as i8
                    } else {
                        digit as i8
                    },
                );
                // The digit cleared `width` positions; the carry enters just above them.
                rest >>= width;
                position += width as usize;
            } else {
                // An even value: with a carry, its lowest bit was one and becomes a carry above.
                carry = carry && rest & 1 == 1;
                rest >>= 1;
                position += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    fn signed(half: HalfScalar) -> Fr {
        let magnitude = Fr::from_u128(half.magnitude);
        if half.negative { -magnitude } else { magnitude }
    }

    fn samples() -> Vec<Fr> {
        let mut rng = ChaCha8Rng::seed_from_u64(5);
        let edge = [
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::ZETA,
            -Fr::ZETA,
            Fr::TWO_INV,
            -Fr::TWO_INV,
        ];
        edge.into_iter()
            .chain((0..500).map(|_| Fr::random(&mut rng)))
            .collect()
    }

    #[test]
    fn the_halves_recompose() {
        for scalar in samples() {
            let (first, second) = decompose(&scalar);
            assert_eq!(signed(first) + signed(second) * Fr::ZETA, scalar);
        }
    }

    #[test]
    fn the_digits_recompose_and_keep_their_distance() {
        for magnitude in
            samples()
                .iter()
                .map(|s| decompose(s).0.magnitude)
                .chain([0, 1, 31, 32, u128::MAX])
        {
            for negative in [false, true] {
                let half = HalfScalar {
                    magnitude,
                    negative,
                };
                let mut value = Fr::ZERO;
                let mut free = 0;
                half.non_adjacent_form(5, |position, digit| {
                    assert!(position >= free && position <= 128);
                    assert!(digit % 2 != 0 && digit.unsigned_abs() < 16);
                    free = position + 5;
                    let power = Fr::from(2).pow_vartime([position as u64]);
                    let digit_value = power * Fr::from(u64::from(digit.unsigned_abs()));
                    value += if digit < 0 { -digit_value } else { digit_value };
                });
                assert_eq!(value, signed(half));
            }
        }
    }
}
