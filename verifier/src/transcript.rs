//! The Fiat-Shamir transcript: Keccak-256 over 32-byte big-endian words.
//!
//! This is the transcript of `snark-verifier`'s EVM verifiers, so a contract
//! can replay it with one `keccak256` per challenge. Absorbing appends a word
//! to a buffer: a scalar is one word, a point the two words `x`, `y` (the
//! identity, which has no coordinates, is `0, 0`: not a point of the curve).
//! Squeezing hashes the buffer, which the hash then replaces; a buffer of one
//! word only gets the byte `0x01` appended first, so two squeezes in a row give
//! different values. The challenge is the hash as an integer modulo the order.
//!
//! The first word is the *prefix*: the digest of verifying key, SRS and
//! statement ([`crate::transcript_prefix`]), reduced modulo the order. The
//! library's prover begins with a scalar of its own, a hash of the key's debug
//! text; the prover's twin of this transcript puts the prefix in its place.

use crate::digest::{Digest32, to_scalar};
use ark_bn254::{Fr, G1Affine};
use ark_ec::AffineRepr;
use ark_ff::{BigInt, PrimeField};
use sha3::{Digest, Keccak256};

/// A transcript over plain bytes, for any implementation of the curve.
#[derive(Debug, Clone, Default)]
pub struct WordTranscript {
    hasher: Keccak256,
    words: u64,
}

impl WordTranscript {
    /// Appends a word.
    pub fn absorb(&mut self, word: &[u8; 32]) {
        self.hasher.update(word);
        self.words = self.words.saturating_add(1);
    }

    /// Hashes the buffer and replaces it by the hash.
    pub fn squeeze(&mut self) -> Digest32 {
        if self.words == 1 {
            self.hasher.update([1]);
        }
        let digest: Digest32 = self.hasher.finalize_reset().into();
        self.words = 0;
        self.absorb(&digest);
        digest
    }
}

/// The verifier's transcript.
#[derive(Debug, Clone)]
pub struct Transcript {
    words: WordTranscript,
}

impl Transcript {
    /// A transcript that begins with the prefix.
    pub fn new(prefix: &Digest32) -> Self {
        let mut transcript = Self {
            words: WordTranscript::default(),
        };
        transcript.scalar(&to_scalar(prefix));
        transcript
    }

    /// Absorbs a scalar.
    pub fn scalar(&mut self, scalar: &Fr) {
        self.words.absorb(&be_bytes(scalar.into_bigint()));
    }

    /// Absorbs a point.
    pub fn point(&mut self, point: &G1Affine) {
        let (x, y) = point.xy().unwrap_or_default();
        self.words.absorb(&be_bytes(x.into_bigint()));
        self.words.absorb(&be_bytes(y.into_bigint()));
    }

    /// Draws a challenge.
    pub fn challenge(&mut self) -> Fr {
        to_scalar(&self.words.squeeze())
    }

    /// Ends the transcript with a digest of all that was absorbed.
    pub fn finish(mut self) -> Digest32 {
        self.words.squeeze()
    }
}

fn be_bytes(value: BigInt<4>) -> [u8; 32] {
    let mut out = [0; 32];
    let limbs = value.0.iter().rev();
    for (chunk, limb) in out.as_chunks_mut::<8>().0.iter_mut().zip(limbs) {
        *chunk = limb.to_be_bytes();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::keccak256;

    #[test]
    fn squeezing_twice_appends_a_one() {
        let mut words = WordTranscript::default();
        words.absorb(&[7; 32]);
        words.absorb(&[9; 32]);
        let first = words.squeeze();
        assert_eq!(first, keccak256(&[&[7; 32], &[9; 32]]));
        assert_eq!(words.squeeze(), keccak256(&[&first, &[1]]));
    }

    #[test]
    fn words_are_big_endian() {
        let mut transcript = Transcript::new(&[0; 32]);
        transcript.point(&G1Affine::generator());
        let mut one = [0; 32];
        one[31] = 1;
        let mut two = [0; 32];
        two[31] = 2;
        assert_eq!(transcript.finish(), keccak256(&[&[0; 32], &one, &two]));
    }
}
