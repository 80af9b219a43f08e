//! The digest of hidden values: a salted hash chain.
//!
//! ```text
//! h_0 = tag 2^64 + n,   h_1 = step(h_0, (salt, 0, .., 0)),   h_{i+1} = step(h_i, 15 values)
//! ```
//!
//! with [`crate::digest::step`], the `n` values as field elements in order and zeros after the last.
//! The digest is the last `h`. It binds the values and their number like the weight digest does; the
//! salt, a random field element, keeps what has few possible values from being guessed. Nothing says
//! whether inputs or outputs are meant, so that the hidden output of one proof can be the hidden
//! input of another.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;

use crate::digest::step;
use crate::inference::linear::field;
use crate::poseidon2::RATE;
use crate::seed::TAG_SEAL;

/// Value of the chain before the first block, for so many values.
pub fn start(count: usize) -> Fr {
    tag() + Fr::from(count as u64)
}

/// The part of [`start`] that does not depend on the number of values.
pub fn tag() -> Fr {
    Fr::from_u128(TAG_SEAL) * Fr::from(1 << 32).square()
}

/// Blocks of the chain: the salt's, then the values'.
pub fn blocks(salt: Fr, values: &[i64]) -> impl Iterator<Item = [Fr; RATE]> + '_ {
    let mut first = [Fr::ZERO; RATE];
    first[0] = salt;
    let rest = values.chunks(RATE).map(|chunk| {
        let mut block = [Fr::ZERO; RATE];
        for (cell, &value) in block.iter_mut().zip(chunk) {
            *cell = field(value);
        }
        block
    });
    std::iter::once(first).chain(rest)
}

/// Number of blocks of a chain over so many values.
pub fn block_count(values: usize) -> usize {
    1 + values.div_ceil(RATE)
}

/// The digest of values under a salt.
pub fn digest(salt: Fr, values: &[i64]) -> Fr {
    blocks(salt, values).fold(start(values.len()), |chain, block| step(chain, &block))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Salt, order, number and every value count.
    #[test]
    fn everything_counts() {
        let salt = Fr::from(7).invert().expect("not zero");
        let values: Vec<i64> = (-10..21).collect();
        let mut all = vec![digest(salt, &values), digest(salt + Fr::ONE, &values)];
        for change in [0, 14, 15, 30] {
            let mut other = values.clone();
            other[change] += 1;
            all.push(digest(salt, &other));
        }
        let mut swapped = values.clone();
        swapped.swap(3, 20);
        all.push(digest(salt, &swapped));
        for count in [30, 29, 16, 15, 14, 1, 0] {
            all.push(digest(salt, &values[..count]));
        }
        // A zero more is another number of values.
        all.push(digest(salt, &[values.as_slice(), &[0]].concat()));
        for (i, one) in all.iter().enumerate() {
            assert!(!all[i + 1..].contains(one), "{i}");
        }
    }

    /// The definition of the book, from the permutation alone.
    #[test]
    fn the_chain_is_the_defined_one() {
        let (salt, values) = (Fr::from(3), [5, -6]);
        let permuted = |lanes: &[Fr]| {
            let mut state = [Fr::ZERO; crate::poseidon2::WIDTH];
            state[..lanes.len()].copy_from_slice(lanes);
            crate::poseidon2::permute(&mut state);
            state[0]
        };
        let bytes = b"nascent/io/v1";
        let tag = bytes.iter().fold(Fr::ZERO, |tag, &b| {
            tag * Fr::from(256) + Fr::from(u64::from(b))
        });
        let start = tag * Fr::from(2).pow([64]) + Fr::from(2);
        let first = permuted(&[start, salt]) + start;
        let last = permuted(&[first, Fr::from(5), -Fr::from(6)]) + first;
        assert_eq!(digest(salt, &values), last);
    }
}
