//! The Grain LFSR in self-shrinking mode, source of the round constants.
//!
//! Poseidon paper (ePrint 2019/458), appendix E; Poseidon2 uses the same generator with fewer
//! constants in the partial rounds.

use ff::{FromUniformBytes, PrimeField};
use halo2curves::bn256::Fr;

/// Bits of the BN254 scalar modulus.
const FIELD_BITS: u32 = 254;

/// Grain generator seeded by the parameters of a permutation.
pub(super) struct Grain {
    /// The 80-bit register; bit 0 is the oldest.
    state: u128,
}

impl Grain {
    /// Generator for a prime field, S-box `x^5`, width `t` and the given round numbers.
    pub(super) fn new(t: u32, full_rounds: u32, partial_rounds: u32) -> Self {
        let mut bits = Vec::with_capacity(80);
        let mut push = |value: u32, width: u32| {
            bits.extend((0..width).rev().map(|i| (value >> i) & 1 == 1));
        };
        push(1, 2); // prime field
        push(0, 4); // S-box x^alpha
        push(FIELD_BITS, 12);
        push(t, 12);
        push(full_rounds, 10);
        push(partial_rounds, 10);
        push((1 << 30) - 1, 30);
        let state = bits
            .iter()
            .enumerate()
            .fold(0, |acc, (i, &bit)| acc | (u128::from(bit) << i));
        let mut grain = Self { state };
        for _ in 0..160 {
            grain.clock();
        }
        grain
    }

    fn clock(&mut self) -> bool {
        let tap = |i: u32| (self.state >> i) & 1;
        let bit = tap(62) ^ tap(51) ^ tap(38) ^ tap(23) ^ tap(13) ^ tap(0);
        self.state = (self.state >> 1) | (bit << 79);
        bit == 1
    }

    /// One output bit: of each pair of register bits, the second is kept when the first is one.
    fn bit(&mut self) -> bool {
        while !self.clock() {
            self.clock();
        }
        self.clock()
    }

    /// The next 254-bit integer, most significant bit first, as little-endian bytes.
    fn integer(&mut self) -> [u8; 32] {
        let mut bytes = [0u8; 32];
        for i in (0..FIELD_BITS as usize).rev() {
            bytes[i / 8] |= u8::from(self.bit()) << (i % 8);
        }
        bytes
    }

    /// The next field element, by rejection of integers that are not below the modulus.
    pub(super) fn field(&mut self) -> Fr {
        loop {
            if let Some(value) = Option::from(Fr::from_repr(self.integer())) {
                return value;
            }
        }
    }

    /// The next 254-bit integer modulo the field's modulus; the script draws matrices so.
    pub(super) fn reduced(&mut self) -> Fr {
        let mut wide = [0u8; 64];
        wide[..32].copy_from_slice(&self.integer());
        Fr::from_uniform_bytes(&wide)
    }
}
