//! The Grain LFSR's integers as field elements: the round constants.
//!
//! The generator is the verifier's, which combines beacon values with the same permutation.

use ff::{FromUniformBytes, PrimeField};
use halo2curves::bn256::Fr;
use nascent_verifier::poseidon2;

/// Grain generator seeded by the parameters of a permutation.
pub(super) struct Grain(poseidon2::Grain);

impl Grain {
    /// Generator for a prime field, S-box `x^5`, width `t` and the given round numbers.
    pub(super) fn new(t: u16, full_rounds: u16, partial_rounds: u16) -> Self {
        Self(poseidon2::Grain::new(t, full_rounds, partial_rounds))
    }

    /// The next field element, by rejection of integers that are not below the modulus.
    pub(super) fn field(&mut self) -> Fr {
        loop {
            if let Some(value) = Option::from(Fr::from_repr(self.0.integer())) {
                return value;
            }
        }
    }

    /// The next 254-bit integer modulo the field's modulus; the script draws matrices so.
    pub(super) fn reduced(&mut self) -> Fr {
        let mut wide = [0u8; 64];
        wide[..32].copy_from_slice(&self.0.integer());
        Fr::from_uniform_bytes(&wide)
    }
}
