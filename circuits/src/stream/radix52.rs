//! The permutation's constants in five limbs of 52 bits, for the vector units, and conversions.
//!
//! Elements are in Montgomery form with `R = 2^260`, as integers below `2^260 = 84.6 p`, not
//! necessarily reduced.

use std::sync::OnceLock;

use ff::Field;
use halo2curves::bn256::Fr;

use crate::poseidon2::{self, FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH};

use super::integer;
use nascent_field::radix52::{LIMB, Limbs, Modulus, join as pack, split};

const MASK: u64 = (1 << LIMB) - 1;

/// A factor `c` with `floor(c 2^260 / p)`, for products without Montgomery steps.
pub(super) struct Factor {
    pub(super) value: Limbs,
    pub(super) quotient: Limbs,
}

/// The constants of the permutation.
pub(super) struct Constants {
    /// Round constants in Montgomery form.
    pub(super) full: [[Limbs; WIDTH]; FULL_ROUNDS],
    /// Round constants of lane 0 in Montgomery form.
    pub(super) partial: [Limbs; PARTIAL_ROUNDS],
    /// The diagonal of the internal matrix minus one.
    pub(super) internal: [Factor; WIDTH],
}

/// The constants, computed once.
pub(super) fn constants() -> &'static Constants {
    static CONSTANTS: OnceLock<Constants> = OnceLock::new();
    CONSTANTS.get_or_init(|| {
        let params = poseidon2::params();
        let r = montgomery_factor();
        Constants {
            full: std::array::from_fn(|i| params.full[i].map(|x| limbs(&(x * r)))),
            partial: std::array::from_fn(|i| limbs(&(params.partial[i] * r))),
            internal: std::array::from_fn(|i| Factor {
                value: limbs(&params.internal[i]),
                quotient: divide(&params.internal[i]),
            }),
        }
    })
}

/// `R` as a field element.
pub(super) fn montgomery_factor() -> Fr {
    Fr::from(2).pow_vartime([260])
}

/// The canonical integer of a field element, in limbs.
pub(super) fn limbs(x: &Fr) -> Limbs {
    split(integer(x))
}

/// The canonical integer of a residue in `0 ..= p`.
pub(super) fn integer_of(x: Limbs) -> [u64; 4] {
    if x == Fr::P { [0; 4] } else { pack(x) }
}

/// `floor(x 2^260 / p)` in limbs.
fn divide(x: &Fr) -> Limbs {
    // p - 1, the largest element; x < p always, so that comparing with it is enough.
    let largest = integer(&-Fr::ONE);
    let (mut rest, mut limbs) = (*x, [0u64; 5]);
    for _ in 0..260 {
        // 2 rest >= p exactly when rest > (p - 1) / 2, as p is odd.
        let half: [u64; 4] = std::array::from_fn(|i| {
            largest[i] >> 1 | largest.get(i + 1).map_or(0, |above| above << 63)
        });
        let bit = integer(&rest).iter().rev().gt(half.iter().rev());
        rest = rest.double();
        let mut carry = u64::from(bit);
        for limb in &mut limbs {
            let shifted = *limb << 1 | carry;
            (*limb, carry) = (shifted & MASK, shifted >> LIMB);
        }
    }
    limbs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_what_they_say() {
        assert_eq!(integer_of(Fr::P), [0; 4]);
        assert_eq!(split(integer(&-Fr::ONE))[0], Fr::P[0] - 1);
        // floor(2^260 / p) = 84.
        assert_eq!(divide(&Fr::ONE), [84, 0, 0, 0, 0]);
        // c 2^260 - floor(c 2^260 / p) p = c 2^260 mod p, below p: check modulo 2^52.
        for factor in &constants().internal {
            let low = factor.quotient[0].wrapping_mul(Fr::NEGATIVE_P[0]) & MASK;
            let c = Fr::from_raw(integer_of(factor.value));
            assert_eq!(low, limbs(&(c * montgomery_factor()))[0]);
        }
    }

    #[test]
    fn limbs_round_trip() {
        let mut x = Fr::from(3);
        for _ in 0..100 {
            x = x.cube() - Fr::ONE;
            assert_eq!(integer_of(limbs(&x)), integer(&x));
        }
    }
}
