//! From a publisher's secret and a beacon to the key of the streams.
//!
//! ```text
//! pk    = P(tag_pk;  sk)          the publisher's commitment, fixed in the plan
//! y     = P(tag_vrf; sk, b)       the secret's answer to the beacon
//! kappa = P(tag_key; y, b, A)     the stream key for this model
//! ```
//!
//! `P` is one Poseidon2 permutation ([`crate::poseidon2::hash`]), `b` the digest of the beacon
//! value and `A` the digest of the model, both as field elements. Block `i` of the stream of a
//! distribution is the permutation of `(tag_D; kappa, i, 0, ...)`; lanes 1 to 15 are its output.
//!
//! With a public seed `sk = 0`, so that `pk` is a known constant.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_verifier::{Distribution, Precision};

use crate::poseidon2::{self, RATE, WIDTH};

/// Domain tag: an ASCII string of at most 31 bytes, read as a big-endian integer.
const fn tag(text: &str) -> u128 {
    let bytes = text.as_bytes();
    assert!(bytes.len() <= 16);
    let mut value = 0;
    let mut i = 0;
    while i < bytes.len() {
        value = (value << 8) | bytes[i] as u128;
        i += 1;
    }
    value
}

/// Tag of the hash from `sk` to `pk`.
pub const TAG_PK: u128 = tag("nascent/pk/v1");
/// Tag of the hash from (`sk`, `b`) to `y`.
pub const TAG_VRF: u128 = tag("nascent/vrf/v1");
/// Tag of the hash from (`y`, `b`, `A`) to `kappa`.
pub const TAG_KEY: u128 = tag("nascent/key/v1");
/// First part of the tag of a stream; see [`stream_tag`].
pub const TAG_STREAM: u128 = tag("nascent/str/v1");

/// First part of the tag of hidden values; see [`crate::seal`].
pub const TAG_SEAL: u128 = tag("nascent/io/v1");

/// Tag of the stream of a distribution at a precision.
///
/// `TAG_STREAM 2^96 + kind 2^80 + limb bits 2^72 + fraction bits 2^64 + lo 2^32 + hi`: injective,
/// with the bounds of a truncated normal as 32-bit two's complement and zero for the others.
pub fn stream_tag(distribution: Distribution, precision: Precision) -> Fr {
    let (kind, lo, hi) = match distribution {
        Distribution::Normal => (0u128, 0, 0),
        Distribution::Uniform => (1, 0, 0),
        Distribution::TruncatedNormal { lo, hi } => (2, lo, hi),
    };
    let precision = (u128::from(precision.limb_bits) << 8) | u128::from(precision.fraction_bits);
    let bounds = (u128::from(lo.cast_unsigned()) << 32) | u128::from(hi.cast_unsigned());
    let two_32 = Fr::from(1 << 32);
    Fr::from_u128(TAG_STREAM) * two_32.cube()
        + Fr::from_u128((kind << 80) | (precision << 64) | bounds)
}

/// Everything that a stream key is derived from.
#[derive(Clone, Copy)]
pub struct SeedMaterial {
    /// The publisher's secret; zero for a public seed.
    pub secret: Fr,
    /// Digest of the beacon value.
    pub beacon: Fr,
    /// Digest of the model.
    pub model: Fr,
}

impl SeedMaterial {
    /// `pk`: the commitment to the secret.
    pub fn public_key(&self) -> Fr {
        poseidon2::hash(Fr::from_u128(TAG_PK), &[self.secret])
    }

    /// `y`: the secret's answer to the beacon.
    pub fn answer(&self) -> Fr {
        poseidon2::hash(Fr::from_u128(TAG_VRF), &[self.secret, self.beacon])
    }

    /// `kappa`: the key of all streams of this model.
    pub fn stream_key(&self) -> Fr {
        let inputs = [self.answer(), self.beacon, self.model];
        poseidon2::hash(Fr::from_u128(TAG_KEY), &inputs)
    }
}

/// State before the permutation of block `index` of a stream.
pub fn stream_input(tag: Fr, key: Fr, index: u64) -> [Fr; WIDTH] {
    let mut state = [Fr::ZERO; WIDTH];
    state[..3].copy_from_slice(&[tag, key, Fr::from(index)]);
    state
}

/// Output of block `index` of a stream: 15 field elements.
pub fn stream_block(tag: Fr, key: Fr, index: u64) -> [Fr; RATE] {
    let mut state = stream_input(tag, key, index);
    poseidon2::permute(&mut state);
    std::array::from_fn(|i| state[i + 1])
}

#[cfg(test)]
mod tests {
    use ff::PrimeField;
    use nascent_verifier::PUBLIC_SEED_PK;

    use super::*;

    #[test]
    fn the_verifier_knows_the_key_of_a_public_seed() {
        let seed = SeedMaterial {
            secret: Fr::ZERO,
            beacon: Fr::ZERO,
            model: Fr::ZERO,
        };
        assert_eq!(seed.public_key().to_repr(), PUBLIC_SEED_PK);
    }
}
