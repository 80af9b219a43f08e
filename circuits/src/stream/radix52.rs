//! Field elements in five limbs of 52 bits, for the vector units: constants and conversions.
//!
//! Elements are in Montgomery form with `R = 2^260`, as integers below `2^260 = 84.6 p`, not
//! necessarily reduced.

use std::sync::OnceLock;

use ff::Field;
use halo2curves::bn256::Fr;

use crate::poseidon2::{self, FULL_ROUNDS, PARTIAL_ROUNDS, WIDTH};

use super::integer;

/// Bits of a limb.
pub(super) const LIMB: u32 = 52;
const MASK: u64 = (1 << LIMB) - 1;

/// Five limbs, the lowest first.
pub(super) type Limbs = [u64; 5];

/// The modulus.
pub(super) const P: Limbs = split([
    0x43e1_f593_f000_0001,
    0x2833_e848_79b9_7091,
    0xb850_45b6_8181_585d,
    0x3064_4e72_e131_a029,
]);

/// `2^260 - p`: adding `q` times this is subtracting `q p` modulo `2^260`.
pub(super) const NEGATIVE_P: Limbs = [
    (1 << LIMB) - P[0],
    MASK - P[1],
    MASK - P[2],
    MASK - P[3],
    MASK - P[4],
];

/// `-1/p mod 2^52`.
pub(super) const NEGATIVE_INVERSE: u64 = {
    // Newton: every step doubles the number of correct low bits, 1 at the start.
    let (mut inverse, mut step) = (1u64, 0);
    while step < 6 {
        inverse = inverse.wrapping_mul(2u64.wrapping_sub(P[0].wrapping_mul(inverse)));
        step += 1;
    }
    inverse.wrapping_neg() & MASK
};

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
    /// `floor(2^300 / p)`, to estimate quotients.
    pub(super) reciprocal: u64,
}

/// The constants, computed once.
pub(super) fn constants() -> &'static Constants {
    static CONSTANTS: OnceLock<Constants> = OnceLock::new();
    CONSTANTS.get_or_init(|| {
        let params = poseidon2::params();
        let r = montgomery_factor();
        let (_, reciprocal) = divide(&Fr::ONE, 300);
        Constants {
            full: std::array::from_fn(|i| params.full[i].map(|x| limbs(&(x * r)))),
            partial: std::array::from_fn(|i| limbs(&(params.partial[i] * r))),
            internal: std::array::from_fn(|i| Factor {
                value: limbs(&params.internal[i]),
                quotient: divide(&params.internal[i], 260).0,
            }),
            reciprocal,
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

/// Repacks 256 bits.
const fn split(x: [u64; 4]) -> Limbs {
    [
        x[0] & MASK,
        (x[0] >> 52 | x[1] << 12) & MASK,
        (x[1] >> 40 | x[2] << 24) & MASK,
        (x[2] >> 28 | x[3] << 36) & MASK,
        x[3] >> 16,
    ]
}

/// The canonical integer of a residue in `0 ..= p`.
pub(super) fn join(x: Limbs) -> [u64; 4] {
    if x == P {
        return [0; 4];
    }
    [
        x[0] | x[1] << 52,
        x[1] >> 12 | x[2] << 40,
        x[2] >> 24 | x[3] << 28,
        x[3] >> 36 | x[4] << 16,
    ]
}

/// `floor(x 2^bits / p)`: its low 260 bits in limbs, and its low 64 bits.
fn divide(x: &Fr, bits: u32) -> (Limbs, u64) {
    // p - 1, the largest element; x < p always, so that comparing with it is enough.
    let largest = integer(&-Fr::ONE);
    let (mut rest, mut limbs, mut low) = (*x, [0u64; 5], 0u64);
    for _ in 0..bits {
        // 2 rest >= p exactly when rest > (p - 1) / 2, as p is odd.
        let half: [u64; 4] = std::array::from_fn(|i| {
            largest[i] >> 1 | largest.get(i + 1).map_or(0, |above| above << 63)
        });
        let bit = integer(&rest).iter().rev().gt(half.iter().rev());
        rest = rest.double();
        let mut carry = u64::from(bit);
        low = low << 1 | carry;
        for limb in &mut limbs {
            let shifted = *limb << 1 | carry;
            (*limb, carry) = (shifted & MASK, shifted >> LIMB);
        }
    }
    (limbs, low)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_are_what_they_say() {
        assert_eq!(join(P), [0; 4]);
        assert_eq!(P[0].wrapping_mul(NEGATIVE_INVERSE) & MASK, MASK);
        assert_eq!(split(integer(&-Fr::ONE))[0], P[0] - 1);
        // floor(2^260 / p) = 84; 2^300 / p = 84.6 2^40.
        assert_eq!(divide(&Fr::ONE, 260), ([84, 0, 0, 0, 0], 84));
        assert_eq!(constants().reciprocal >> 40, 84);
        // c 2^260 - floor(c 2^260 / p) p = c 2^260 mod p, below p: check modulo 2^52.
        for factor in &constants().internal {
            let low = factor.quotient[0].wrapping_mul(NEGATIVE_P[0]) & MASK;
            let c = Fr::from_raw(join(factor.value));
            assert_eq!(low, limbs(&(c * montgomery_factor()))[0]);
        }
    }

    #[test]
    fn limbs_round_trip() {
        let mut x = Fr::from(3);
        for _ in 0..100 {
            x = x.cube() - Fr::ONE;
            assert_eq!(join(limbs(&x)), integer(&x));
        }
    }
}
