//! The weight digest, as far as a verifier computes it.
//!
//! The digest of a stream is the last value of a hash chain over its lane values
//! (`h_{i+1} = P(h_i, rows of block i)_0 + h_i`). The chain itself is computed by the prover and
//! constrained by the circuit; the verifier knows where it starts, holds the end of each tile
//! against the start of the next, and hashes the streams' digests to the model's.

use crate::digest::{Digest32, tagged};
use crate::spec::{Distribution, Precision};

/// A value of the chain: a scalar, little-endian and canonical.
pub type HashChainValue = [u8; 32];

/// Domain tag of the chain, read as a big-endian integer.
const TAG: &[u8; 14] = b"nascent/dgt/v1";

/// Value before the first block of a stream:
/// `tag 2^96 + kind 2^80 + limb bits 2^72 + fraction bits 2^64 + lo 2^32 + hi`, with the bounds
/// of a truncated normal as 32-bit two's complement and zero for the others.
pub fn hash_chain_start(distribution: Distribution, precision: Precision) -> HashChainValue {
    let (kind, lo, hi) = match distribution {
        Distribution::Normal => (0_u8, 0, 0),
        Distribution::Uniform => (1, 0, 0),
        Distribution::TruncatedNormal { lo, hi } => (2, lo, hi),
    };
    let parameters = [0, kind, precision.limb_bits, precision.fraction_bits];
    let parameters = parameters.into_iter();
    let bounds = lo.to_be_bytes().into_iter().chain(hi.to_be_bytes());
    let big_endian = TAG.iter().copied().chain(parameters).chain(bounds);
    let mut value = [0; 32];
    for (to, from) in value.iter_mut().zip(big_endian.rev()) {
        *to = from;
    }
    value
}

/// Digest of a model's sampled weights: of its streams' digests, in the order of the streams.
pub fn weight_digest(streams: &[HashChainValue]) -> Digest32 {
    let parts: alloc::vec::Vec<&[u8]> = streams.iter().map(<[u8; 32]>::as_slice).collect();
    tagged("nascent weight digest v1", &parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn starts_are_canonical_and_tell_parameters_apart() {
        let precision = |limb_bits, fraction_bits| Precision {
            limb_bits,
            fraction_bits,
        };
        let truncated = |lo, hi| Distribution::TruncatedNormal { lo, hi };
        let starts = [
            hash_chain_start(Distribution::Normal, precision(16, 12)),
            hash_chain_start(Distribution::Normal, precision(12, 16)),
            hash_chain_start(Distribution::Uniform, precision(16, 12)),
            hash_chain_start(truncated(0, 1), precision(16, 12)),
            hash_chain_start(truncated(1, 0), precision(16, 12)),
            hash_chain_start(truncated(-1, 1), precision(16, 12)),
        ];
        for (i, start) in starts.iter().enumerate() {
            assert!(crate::encoding::scalar_from_bytes(start).is_ok());
            assert!(!starts.iter().skip(i + 1).any(|other| other == start));
        }
        let mut expected = [0; 32];
        expected[8..12].copy_from_slice(&[12, 16, 0, 0]);
        expected[12..26].copy_from_slice(b"1v/tgd/tnecsan");
        assert_eq!(starts[0], expected);
    }

    #[test]
    fn streams_are_ordered_and_counted() {
        let (a, b) = ([1; 32], [2; 32]);
        assert_ne!(weight_digest(&[a, b]), weight_digest(&[b, a]));
        assert_ne!(weight_digest(&[a]), weight_digest(&[a, [0; 32]]));
    }
}
