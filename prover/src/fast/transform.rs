//! Fourier transforms over the scalar field without a permutation pass.
//!
//! Coefficients are kept in bit-reversed order. From values to coefficients runs decimation in
//! frequency (natural order in, bit-reversed out), from coefficients to values decimation in time
//! (bit-reversed in, natural out), so that neither needs to reorder. Both recurse depth first,
//! two layers at a time, which keeps small blocks in cache; columns are the unit of parallel
//! work, not the inside of a transform.

use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use rayon::prelude::*;

/// The subgroup of order `2^k`, with its twiddle factors.
pub(crate) struct Domain {
    /// Binary logarithm of the size.
    pub(crate) k: u32,
    /// Generator of the subgroup.
    pub(crate) omega: Fr,
    /// Inverse of the size.
    size_inverse: Fr,
    /// For each level `l`, the first half of the powers of the root of order `2^l`.
    forward: Vec<Vec<Fr>>,
    /// The same for the inverse roots.
    inverse: Vec<Vec<Fr>>,
}

impl Domain {
    /// Domain of size `2^k`; `k` is at most the field's two-adicity.
    pub(crate) fn new(k: u32) -> Self {
        let root = |k: u32| (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square());
        let inverse_root = |k: u32| (k..Fr::S).fold(Fr::ROOT_OF_UNITY_INV, |root, _| root.square());
        let levels = |root: &dyn Fn(u32) -> Fr| {
            (0..=k)
                .map(|level| powers(root(level), Fr::ONE, (1usize << level) / 2))
                .collect()
        };
        Self {
            k,
            omega: root(k),
            size_inverse: Fr::TWO_INV.pow([u64::from(k)]),
            forward: levels(&root),
            inverse: levels(&inverse_root),
        }
    }

    /// Number of elements.
    pub(crate) fn size(&self) -> usize {
        1 << self.k
    }

    /// From values in natural order to coefficients in bit-reversed order.
    pub(crate) fn to_coefficients(&self, values: &mut [Fr]) {
        frequency(values, &self.inverse);
        values.iter_mut().for_each(|x| *x *= self.size_inverse);
    }

    /// From coefficients in bit-reversed order to values in natural order.
    pub(crate) fn to_values(&self, coefficients: &mut [Fr]) {
        time(coefficients, &self.forward);
    }

    /// Powers of `base` in bit-reversed order, to shift coefficients onto a coset.
    pub(crate) fn reversed_powers(&self, base: Fr) -> Vec<Fr> {
        let mut powers = powers(base, Fr::ONE, self.size());
        reverse(&mut powers);
        powers
    }

    /// The primitive root of order `2^(k + extra)`.
    pub(crate) fn extended_root(&self, extra: u32) -> Fr {
        (self.k + extra..Fr::S).fold(Fr::ROOT_OF_UNITY, |root, _| root.square())
    }

    /// `omega^rotation`.
    pub(crate) fn rotate(&self, rotation: i32) -> Fr {
        let power = i64::from(rotation).rem_euclid(self.size() as i64);
        self.omega.pow([power.unsigned_abs()])
    }
}

/// `start * base^i` for `i` below `count`, in parallel.
pub(crate) fn powers(base: Fr, start: Fr, count: usize) -> Vec<Fr> {
    const CHUNK: usize = 1 << 12;
    let mut powers = vec![Fr::ZERO; count];
    powers
        .par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, chunk)| {
            let mut power = start * base.pow([(index * CHUNK) as u64]);
            for slot in chunk {
                *slot = power;
                power *= base;
            }
        });
    powers
}

/// Bit-reversal permutation.
pub(crate) fn reverse(values: &mut [Fr]) {
    let bits = values.len().trailing_zeros();
    if bits == 0 {
        return;
    }
    for i in 0..values.len() {
        let j = i.reverse_bits() >> (usize::BITS - bits);
        if i < j {
            values.swap(i, j);
        }
    }
}

/// Splits a slice in four equal parts.
fn quarters(values: &mut [Fr]) -> [&mut [Fr]; 4] {
    let (low, high) = values.split_at_mut(values.len() / 2);
    let (a, b) = low.split_at_mut(low.len() / 2);
    let (c, d) = high.split_at_mut(high.len() / 2);
    [a, b, c, d]
}

/// Decimation in frequency: natural order in, bit-reversed out.
fn frequency(values: &mut [Fr], twiddles: &[Vec<Fr>]) {
    let level = values.len().trailing_zeros() as usize;
    match level {
        0 => {}
        1 => {
            let (a, b) = (values[0], values[1]);
            values[0] = a + b;
            values[1] = a - b;
        }
        _ => {
            let quarter = values.len() / 4;
            let [a, b, c, d] = quarters(values);
            let (outer, outer_high) = twiddles[level].split_at(quarter);
            let inner = &twiddles[level - 1];
            for i in 0..quarter {
                let (x0, x1, x2, x3) = (a[i], b[i], c[i], d[i]);
                let (even0, even1) = (x0 + x2, x1 + x3);
                let odd0 = (x0 - x2) * outer[i];
                let odd1 = (x1 - x3) * outer_high[i];
                a[i] = even0 + even1;
                b[i] = (even0 - even1) * inner[i];
                c[i] = odd0 + odd1;
                d[i] = (odd0 - odd1) * inner[i];
            }
            for part in [a, b, c, d] {
                frequency(part, twiddles);
            }
        }
    }
}

/// Decimation in time: bit-reversed in, natural order out.
fn time(values: &mut [Fr], twiddles: &[Vec<Fr>]) {
    let level = values.len().trailing_zeros() as usize;
    match level {
        0 => {}
        1 => {
            let (a, b) = (values[0], values[1]);
            values[0] = a + b;
            values[1] = a - b;
        }
        _ => {
            let quarter = values.len() / 4;
            let [a, b, c, d] = quarters(values);
            for part in [&mut *a, &mut *b, &mut *c, &mut *d] {
                time(part, twiddles);
            }
            let (outer, outer_high) = twiddles[level].split_at(quarter);
            let inner = &twiddles[level - 1];
            for i in 0..quarter {
                let (t1, t3) = (b[i] * inner[i], d[i] * inner[i]);
                let (even0, even1) = (a[i] + t1, a[i] - t1);
                let odd0 = (c[i] + t3) * outer[i];
                let odd1 = (c[i] - t3) * outer_high[i];
                a[i] = even0 + odd0;
                b[i] = even1 + odd1;
                c[i] = even0 - odd0;
                d[i] = even1 - odd1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transforms_are_evaluation_and_its_inverse() {
        for k in 0..8 {
            let domain = Domain::new(k);
            let coefficients: Vec<Fr> = (0..domain.size())
                .map(|i| Fr::from(i as u64 * 7 + 1).cube())
                .collect();
            let values: Vec<Fr> = (0..domain.size())
                .map(|i| {
                    let x = domain.omega.pow([i as u64]);
                    coefficients
                        .iter()
                        .rev()
                        .fold(Fr::ZERO, |acc, c| acc * x + c)
                })
                .collect();
            let mut work = coefficients.clone();
            reverse(&mut work);
            domain.to_values(&mut work);
            assert_eq!(work, values, "k = {k}");
            domain.to_coefficients(&mut work);
            reverse(&mut work);
            assert_eq!(work, coefficients, "k = {k}");
        }
    }
}
