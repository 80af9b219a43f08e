//! Many blocks of a stream at once, as integers.
//!
//! Block `i` is the permutation of `(tag, key, i, 0, ...)`, its outputs are lanes 1 to 15
//! ([`crate::seed::stream_block`]). Derivation needs nothing but their canonical integers, and it
//! needs very many of them.

use ff::PrimeField;
use halo2curves::bn256::Fr;
#[cfg(target_arch = "x86_64")]
use nascent_field::ifma::{Ifma, LANES};

use crate::{poseidon2::RATE, seed};

#[cfg(target_arch = "x86_64")]
mod ifma;
#[cfg(target_arch = "x86_64")]
mod radix52;

/// Outputs of one block as canonical integers: four limbs of 64 bits, the lowest first.
pub type BlockIntegers = [[u64; 4]; RATE];

/// Fills `out` with the blocks `first, first + 1, ...` of the stream of `tag` under `key`.
pub fn blocks(tag: Fr, key: Fr, first: u64, out: &mut [BlockIntegers]) {
    #[cfg(target_arch = "x86_64")]
    if let Some(simd) = Ifma::try_new() {
        return vector_blocks(simd, tag, key, first, out);
    }
    portable_blocks(tag, key, first, out);
}

fn portable_blocks(tag: Fr, key: Fr, first: u64, out: &mut [BlockIntegers]) {
    for (index, block) in (first..).zip(out) {
        *block = seed::stream_block(tag, key, index).map(|x| integer(&x));
    }
}

#[cfg(target_arch = "x86_64")]
fn vector_blocks(simd: Ifma, tag: Fr, key: Fr, first: u64, out: &mut [BlockIntegers]) {
    let constants = radix52::constants();
    let r = radix52::montgomery_factor();
    let [tag, key] = [tag, key].map(|x| radix52::limbs(&(x * r)));
    let mut index = Fr::from(first) * r;
    let mut indices = || {
        let limbs = radix52::limbs(&index);
        index += r;
        limbs
    };
    for chunk in out.chunks_mut(LANES) {
        let indices = std::array::from_fn(|_| indices());
        if let Ok(chunk) = chunk.try_into() {
            ifma::eight_blocks(simd, constants, &tag, &key, &indices, chunk);
        } else {
            let mut whole = [BlockIntegers::default(); LANES];
            ifma::eight_blocks(simd, constants, &tag, &key, &indices, &mut whole);
            chunk.copy_from_slice(&whole[..chunk.len()]);
        }
    }
}

/// The canonical integer of a field element.
pub fn integer(x: &Fr) -> [u64; 4] {
    let bytes = x.to_repr();
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    limbs
}

#[cfg(test)]
mod tests {
    use ff::Field;

    use super::*;

    #[test]
    fn fast_blocks_are_the_defined_ones() {
        let mut x = Fr::from(5).invert().expect("nonzero");
        for round in 0..40u64 {
            let (tag, key) = (x, x.cube() - Fr::ONE);
            x = key.square();
            let first = [0, 1, u64::from(u32::MAX) - 3, u64::MAX - 40][(round % 4) as usize];
            let mut fast = vec![BlockIntegers::default(); 1 + round as usize % 20];
            let mut slow = fast.clone();
            blocks(tag, key, first, &mut fast);
            portable_blocks(tag, key, first, &mut slow);
            assert_eq!(fast, slow, "{round}");
        }
    }

    #[test]
    fn extreme_inputs() {
        for tag in [Fr::ZERO, -Fr::ONE] {
            for key in [Fr::ZERO, -Fr::ONE] {
                let mut fast = [BlockIntegers::default(); 8];
                let mut slow = fast;
                blocks(tag, key, 0, &mut fast);
                portable_blocks(tag, key, 0, &mut slow);
                assert_eq!(fast, slow);
            }
        }
    }
}
