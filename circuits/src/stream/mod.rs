//! Many blocks of a stream at once, as integers.
//!
//! Block `i` is the permutation of `(tag, key, i, 0, ...)`, its outputs are lanes 1 to 15
//! ([`crate::seed::stream_block`]). Derivation needs nothing but their canonical integers, and it
//! needs very many of them.

use ff::PrimeField;
use halo2curves::bn256::Fr;

use crate::{poseidon2::RATE, seed};

/// Outputs of one block as canonical integers: four limbs of 64 bits, the lowest first.
pub type BlockIntegers = [[u64; 4]; RATE];

/// Fills `out` with the blocks `first, first + 1, ...` of the stream of `tag` under `key`.
pub fn blocks(tag: Fr, key: Fr, first: u64, out: &mut [BlockIntegers]) {
    for (index, block) in (first..).zip(out) {
        *block = seed::stream_block(tag, key, index).map(|x| integer(&x));
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
