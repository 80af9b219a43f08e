//! Multiples of the generator by a fixed-base comb.
//!
//! A scalar is written in signed digits of `c` bits, `s = sum_w d_w 2^(c w)` with
//! `|d_w| <= 2^(c-1)`, and the table holds `d 2^(c w) G` for every window `w` and positive `d`.
//! A multiple is then one table look-up and one batched affine addition per window.

use std::sync::atomic::{AtomicU64, Ordering};

use ff::PrimeField;
use group::{Curve, Group};
use halo2curves::bn256::{Fr, G1, G1Affine};
use rayon::prelude::*;

use crate::batch_affine::{BatchAdder, IDENTITY};

/// Scalars per batch: enough to hide the inversion and the reload of a window's table.
const BATCH: usize = 1 << 12;

/// The table of one base point.
pub(crate) struct Comb {
    window_bits: u32,
    /// `windows[w][d - 1] = d 2^(window_bits w) G`.
    windows: Vec<Vec<G1Affine>>,
}

impl Comb {
    /// The table for the generator, sized for about `2^k` multiples.
    pub(crate) fn new(k: u32) -> Self {
        let window_bits = k.clamp(4, 16);
        // One bit more than the modulus, for the carry out of the last digit.
        let count = Fr::NUM_BITS / window_bits + 1;
        let mut base = G1::generator();
        let mut bases = Vec::with_capacity(count as usize);
        for _ in 0..count {
            bases.push(base.to_affine());
            for _ in 0..window_bits {
                base = base.double();
            }
        }
        let windows = bases
            .into_par_iter()
            .map(|base| multiples(base, window_bits - 1))
            .collect();
        Self {
            window_bits,
            windows,
        }
    }

    /// `scalars[i] G` for every `i`, in order. `tick` gets the number of points done so far.
    pub(crate) fn multiples(&self, scalars: &[Fr], tick: &(dyn Fn(u64) + Sync)) -> Vec<G1Affine> {
        let done = AtomicU64::new(0);
        let mut out = vec![IDENTITY; scalars.len()];
        out.par_chunks_mut(BATCH)
            .zip(scalars.par_chunks(BATCH))
            .for_each(|(out, scalars)| {
                self.batch(scalars, out);
                let add = scalars.len() as u64;
                tick(done.fetch_add(add, Ordering::Relaxed) + add);
            });
        out
    }

    fn batch(&self, scalars: &[Fr], out: &mut [G1Affine]) {
        let count = self.windows.len();
        let mut digits = vec![0i32; scalars.len() * count];
        for (scalar, digits) in scalars.iter().zip(digits.chunks_exact_mut(count)) {
            signed_digits(scalar, self.window_bits, digits);
        }
        let mut adder = BatchAdder::with_capacity(scalars.len());
        for (w, table) in self.windows.iter().enumerate() {
            for (slot, digits) in digits.chunks_exact(count).enumerate() {
                let digit = digits[w];
                if digit == 0 {
                    continue;
                }
                let point = table[digit.unsigned_abs() as usize - 1];
                adder.push(slot, if digit < 0 { -point } else { point });
            }
            adder.apply(out);
        }
    }
}

/// `1 P, 2 P, ..., 2^bits P`.
fn multiples(point: G1Affine, bits: u32) -> Vec<G1Affine> {
    let mut table = Vec::with_capacity(1 << bits);
    table.push(point);
    let mut adder = BatchAdder::default();
    for _ in 0..bits {
        let len = table.len();
        let last = table[len - 1];
        table.extend_from_within(..);
        for slot in len..2 * len {
            adder.push(slot, last);
        }
        adder.apply(&mut table);
    }
    table
}

/// Signed digits of `bits` bits, least significant first.
fn signed_digits(scalar: &Fr, bits: u32, digits: &mut [i32]) {
    let repr = scalar.to_repr();
    let half = 1i32 << (bits - 1);
    let mut carry = 0;
    for (w, digit) in digits.iter_mut().enumerate() {
        let value = window(repr.as_ref(), w * bits as usize, bits) + carry;
        carry = i32::from(value > half);
        *digit = value - (carry << bits);
    }
    debug_assert_eq!(carry, 0, "the digits cover one bit more than the modulus");
}

/// The `bits` (at most 16) bits of a little-endian string from bit `start` on, zero past its end.
fn window(bytes: &[u8], start: usize, bits: u32) -> i32 {
    let at = |i: usize| u32::from(bytes.get(i).copied().unwrap_or(0));
    let byte = start / 8;
    let word = at(byte) | at(byte + 1) << 8 | at(byte + 2) << 16;
    ((word >> (start % 8)) & ((1 << bits) - 1)) as i32
}

#[cfg(test)]
mod tests {
    use super::*;
    use ff::Field;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    #[test]
    fn multiples_agree_with_double_and_add_at_every_window_size() {
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let edge = [
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::from(2),
            Fr::from(1 << 15),
            Fr::from(1 << 16),
        ];
        let scalars: Vec<Fr> = edge
            .into_iter()
            .chain((0..30).map(|_| Fr::random(&mut rng)))
            .collect();
        let expected: Vec<G1Affine> = scalars
            .iter()
            .map(|s| (G1::generator() * s).to_affine())
            .collect();
        for k in [0, 4, 5, 7, 8, 11, 13, 16, 28] {
            assert_eq!(
                Comb::new(k).multiples(&scalars, &|_| ()),
                expected,
                "k = {k}"
            );
        }
    }

    #[test]
    fn digits_recompose() {
        let mut rng = ChaCha8Rng::seed_from_u64(2);
        for bits in 4..=16 {
            for scalar in [-Fr::ONE, Fr::random(&mut rng), Fr::random(&mut rng)] {
                let mut digits = vec![0; (Fr::NUM_BITS / bits + 1) as usize];
                signed_digits(&scalar, bits, &mut digits);
                let base = Fr::from(1 << bits);
                let value = digits.iter().rev().fold(Fr::ZERO, |acc, &digit| {
                    let magnitude = Fr::from(u64::from(digit.unsigned_abs()));
                    acc * base + if digit < 0 { -magnitude } else { magnitude }
                });
                assert_eq!(value, scalar, "{bits} bits");
            }
        }
    }
}
