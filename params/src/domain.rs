//! Roots of unity of the scalar field, and how other tools number them.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;

/// Largest `k` the scalar field has roots of unity for.
pub const MAX_K: u32 = Fr::S;
/// Smallest `k` accepted: the powers must hold `[tau]_1` beside the generator.
pub const MIN_K: u32 = 1;

/// The library's generator of the domain of size `2^k`.
pub(crate) fn omega(k: u32) -> Fr {
    descend(Fr::ROOT_OF_UNITY, k)
}

/// snarkjs' generator of the same domain: a power of the least non-residue, 5.
fn snarkjs_omega(k: u32) -> Fr {
    // (r - 1) / 2^28, from the library's own constant: ROOT_OF_UNITY = 7^((r-1)/2^28).
    let odd_part = {
        let mut exponent = [0u64; 4];
        let bytes = (-Fr::ONE).to_repr();
        for (limb, chunk) in exponent.iter_mut().zip(bytes.as_ref().chunks_exact(8)) {
            for (i, byte) in chunk.iter().enumerate() {
                *limb |= u64::from(*byte) << (8 * i);
            }
        }
        shift_right(exponent, Fr::S)
    };
    descend(Fr::from(5).pow_vartime(odd_part), k)
}

fn shift_right(limbs: [u64; 4], bits: u32) -> [u64; 4] {
    let next = [limbs[1], limbs[2], limbs[3], 0];
    let mut out = [0; 4];
    for ((out, low), high) in out.iter_mut().zip(limbs).zip(next) {
        *out = low >> bits | high << (64 - bits);
    }
    out
}

fn descend(mut root: Fr, k: u32) -> Fr {
    for _ in k..Fr::S {
        root = root.square();
    }
    root
}

/// The odd `i` with `omega = snarkjs_omega^i` in the domain of size `2^k`.
///
/// snarkjs' Lagrange point number `i j mod 2^k` is then the library's point number `j`.
pub(crate) fn snarkjs_step(k: u32) -> usize {
    discrete_log(snarkjs_omega(k), omega(k), k)
}

/// `x` below `2^k` with `generator^x = target`, bit by bit.
fn discrete_log(generator: Fr, target: Fr, k: u32) -> usize {
    let inverse = generator.pow_vartime([(1u64 << k) - 1]);
    let mut exponent = 0u64;
    for bit in 0..k {
        let rest = target * inverse.pow_vartime([exponent]);
        if rest.pow_vartime([1u64 << (k - 1 - bit)]) != Fr::ONE {
            exponent |= 1 << bit;
        }
    }
    exponent as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_generators_have_the_full_order() {
        for k in [1, 2, 9, 28] {
            for root in [omega(k), snarkjs_omega(k)] {
                assert_eq!(root.pow_vartime([1u64 << (k - 1)]), -Fr::ONE, "k = {k}");
            }
        }
    }

    #[test]
    fn the_step_translates_one_generator_into_the_other() {
        for k in [1, 2, 5, 20, 28] {
            let step = snarkjs_step(k);
            assert_eq!(
                snarkjs_omega(k).pow_vartime([step as u64]),
                omega(k),
                "k = {k}"
            );
            assert_eq!(step % 2, 1);
        }
        // Were they equal, the permutation would go untested.
        assert_ne!(snarkjs_step(8), 1);
    }
}
