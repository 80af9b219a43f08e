//! The Lagrange basis from the powers of tau: an inverse Fourier transform over the group.
//!
//! `[L_i(tau)]_1 = 1/n sum_j omega^(-i j) [tau^j]_1`. The cost is `n/2` scalar multiplications for
//! each of the `k` layers. A scalar multiplication is split by the curve's endomorphism in two of
//! half length, and a batch of them walks its digits in step, so that every doubling and addition
//! is a batched affine one.

use std::sync::atomic::{AtomicU64, Ordering};

use ff::{Field, PrimeField, WithSmallOrderMulGroup};
use halo2_proofs::arithmetic::bitreverse;
use halo2curves::bn256::{Fq, Fr, G1Affine};
use rayon::prelude::*;

use crate::batch_affine::{BatchAdder, IDENTITY, butterflies, double_all};
use crate::decompose::decompose;
use crate::domain::omega;
use crate::progress::{Progress, Step};

/// Butterflies per batch.
const BATCH: usize = 1 << 10;
/// Width of the signed windows and number of odd multiples kept for them.
const WINDOW: u32 = 5;
const ODD_MULTIPLES: usize = 1 << (WINDOW - 2);
/// Digits of a half-length scalar, the carry out of the top window included.
const DIGITS: usize = 129;

/// Replaces the powers `[tau^0]_1, ..., [tau^(2^k - 1)]_1` by the Lagrange basis of the domain.
///
/// `tick` gets the number of butterflies done so far, out of [`transform_work`].
pub(crate) fn to_lagrange(points: &mut [G1Affine], k: u32, tick: &(dyn Fn(u64) + Sync)) {
    let n = points.len();
    debug_assert_eq!(n, 1 << k);
    for i in 0..n {
        let j = bitreverse(i, k as usize);
        if i < j {
            points.swap(i, j);
        }
    }
    let done = AtomicU64::new(0);
    let tick = |count: usize| {
        let count = count as u64;
        tick(done.fetch_add(count, Ordering::Relaxed) + count);
    };
    for layer in 0..k {
        let half = 1usize << layer;
        let last = layer + 1 == k;
        let twiddles = Twiddles {
            root: omega(layer + 1).pow_vartime([(1u64 << (layer + 1)) - 1]),
            period: half,
            factor: if last {
                Fr::TWO_INV.pow_vartime([u64::from(k)])
            } else {
                Fr::ONE
            },
        };
        if half < BATCH {
            points.par_chunks_mut(2 * BATCH).for_each(|blocks| {
                small_blocks(blocks, half, &twiddles);
                tick(blocks.len() / 2);
            });
        } else {
            for block in points.chunks_exact_mut(2 * half) {
                let (low, high) = block.split_at_mut(half);
                let chunks = low.par_chunks_mut(BATCH).zip(high.par_chunks_mut(BATCH));
                chunks.enumerate().for_each(|(i, (low, high))| {
                    twiddles.apply(low, high, i * BATCH);
                    tick(low.len());
                });
            }
        }
    }
}

/// [`to_lagrange`] on points of its own, reporting its progress.
pub(crate) fn to_lagrange_reporting(
    mut points: Vec<G1Affine>,
    k: u32,
    progress: &dyn Progress,
) -> Vec<G1Affine> {
    let total = transform_work(k);
    progress.report(Step::TransformLagrange, 0, total);
    to_lagrange(&mut points, k, &|done| {
        progress.report(Step::TransformLagrange, done, total)
    });
    points
}

/// Butterflies in the transform of size `2^k`.
pub(crate) fn transform_work(k: u32) -> u64 {
    u64::from(k) << k.saturating_sub(1)
}

/// Gathers the halves of many small blocks, so that they fill one batch.
fn small_blocks(blocks: &mut [G1Affine], half: usize, twiddles: &Twiddles) {
    let mut low = Vec::with_capacity(blocks.len() / 2);
    let mut high = Vec::with_capacity(blocks.len() / 2);
    for block in blocks.chunks_exact(2 * half) {
        low.extend_from_slice(&block[..half]);
        high.extend_from_slice(&block[half..]);
    }
    twiddles.apply(&mut low, &mut high, 0);
    let halves = low.chunks_exact(half).zip(high.chunks_exact(half));
    for (block, (low, high)) in blocks.chunks_exact_mut(2 * half).zip(halves) {
        block[..half].copy_from_slice(low);
        block[half..].copy_from_slice(high);
    }
}

/// The factors of one layer: `factor` for the low half, `factor root^(j mod period)` for the high.
struct Twiddles {
    root: Fr,
    period: usize,
    factor: Fr,
}

impl Twiddles {
    /// The butterflies `(low, high) <- (f low + f w^j high, f low - f w^j high)`, `j` from `first`.
    fn apply(&self, low: &mut [G1Affine], high: &mut [G1Affine], first: usize) {
        if self.factor != Fr::ONE {
            let scalars = vec![self.factor; low.len()];
            scale(low, &scalars);
        }
        let mut power = self.root.pow_vartime([(first % self.period) as u64]);
        let mut scalars = Vec::with_capacity(high.len());
        for j in first..first + high.len() {
            if j % self.period == 0 {
                power = Fr::ONE;
            }
            scalars.push(power * self.factor);
            power *= self.root;
        }
        scale(high, &scalars);
        butterflies(low, high, &mut Vec::with_capacity(low.len()));
    }
}

/// `points[i] <- scalars[i] points[i]`, leaving the points whose scalar is one alone.
fn scale(points: &mut [G1Affine], scalars: &[Fr]) {
    let busy: Vec<usize> = (0..points.len())
        .filter(|&i| scalars[i] != Fr::ONE)
        .collect();
    if busy.is_empty() {
        return;
    }
    let selected: Vec<G1Affine> = busy.iter().map(|&i| points[i]).collect();
    let digits = Digits::new(busy.iter().map(|&i| &scalars[i]));
    let tables = odd_multiples(selected);

    let mut acc = vec![IDENTITY; busy.len()];
    let mut prefix = Vec::with_capacity(busy.len());
    let mut adder = BatchAdder::with_capacity(busy.len());
    for position in (0..DIGITS).rev() {
        double_all(&mut acc, &mut prefix);
        for (slot, digit) in digits.row(&digits.first, position) {
            adder.push(slot, table_entry(&tables, slot, digit));
        }
        adder.apply(&mut acc);
        for (slot, digit) in digits.row(&digits.second, position) {
            let mut point = table_entry(&tables, slot, digit);
            point.x *= Fq::ZETA;
            adder.push(slot, point);
        }
        adder.apply(&mut acc);
    }
    for (&i, point) in busy.iter().zip(acc) {
        points[i] = point;
    }
}

/// `tables[j][i] = (2 j + 1) P_i`.
fn odd_multiples(points: Vec<G1Affine>) -> Vec<Vec<G1Affine>> {
    let mut doubles = points.clone();
    double_all(&mut doubles, &mut Vec::with_capacity(points.len()));
    let mut adder = BatchAdder::with_capacity(points.len());
    let mut tables = Vec::with_capacity(ODD_MULTIPLES);
    let mut current = points;
    for _ in 1..ODD_MULTIPLES {
        let mut next = current.clone();
        for (slot, double) in doubles.iter().enumerate() {
            adder.push(slot, *double);
        }
        adder.apply(&mut next);
        tables.push(std::mem::replace(&mut current, next));
    }
    tables.push(current);
    tables
}

#[inline]
fn table_entry(tables: &[Vec<G1Affine>], slot: usize, digit: i8) -> G1Affine {
    let point = tables[usize::from(digit.unsigned_abs() / 2)][slot];
    if digit < 0 { -point } else { point }
}

/// The digits of both halves of every scalar of a batch, position by position.
struct Digits {
    count: usize,
    first: Vec<i8>,
    second: Vec<i8>,
}

impl Digits {
    fn new<'a>(scalars: impl ExactSizeIterator<Item = &'a Fr>) -> Self {
        let count = scalars.len();
        let mut digits = Self {
            count,
            first: vec![0; DIGITS * count],
            second: vec![0; DIGITS * count],
        };
        for (slot, scalar) in scalars.enumerate() {
            let (first, second) = decompose(scalar);
            first.non_adjacent_form(WINDOW, |position, digit| {
                digits.first[position * count + slot] = digit;
            });
            second.non_adjacent_form(WINDOW, |position, digit| {
                digits.second[position * count + slot] = digit;
            });
        }
        digits
    }

    /// The nonzero digits at one position, with their slots.
    fn row<'a>(
        &self,
        half: &'a [i8],
        position: usize,
    ) -> impl Iterator<Item = (usize, i8)> + use<'a> {
        let row = &half[position * self.count..(position + 1) * self.count];
        row.iter()
            .copied()
            .enumerate()
            .filter(|(_, digit)| *digit != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::development::{lagrange_scalars, power_scalars};
    use group::Curve;
    use halo2curves::bn256::G1;
    use rand_chacha::{ChaCha8Rng, rand_core::SeedableRng};

    fn times_generator(scalars: &[Fr]) -> Vec<G1Affine> {
        scalars
            .iter()
            .map(|s| (G1::generator() * s).to_affine())
            .collect()
    }

    #[test]
    fn scaling_agrees_with_double_and_add() {
        let mut rng = ChaCha8Rng::seed_from_u64(3);
        let edge = [
            Fr::ZERO,
            Fr::ONE,
            -Fr::ONE,
            Fr::from(2),
            Fr::ZETA,
            -Fr::ZETA,
        ];
        let scalars: Vec<Fr> = edge
            .into_iter()
            .chain((0..40).map(|_| Fr::random(&mut rng)))
            .collect();
        let logs: Vec<Fr> = scalars.iter().map(|_| Fr::random(&mut rng)).collect();
        let mut points = times_generator(&logs);
        scale(&mut points, &scalars);
        let products: Vec<Fr> = logs.iter().zip(&scalars).map(|(a, b)| a * b).collect();
        assert_eq!(points, times_generator(&products));
    }

    #[test]
    fn the_transform_of_the_powers_is_the_lagrange_basis() {
        let tau = Fr::random(ChaCha8Rng::seed_from_u64(4));
        // 12 reaches the layers whose blocks are larger than a batch.
        for k in [1, 2, 3, 6, 12] {
            let mut points = crate::comb::Comb::new(k).multiples(&power_scalars(tau, k), &|_| ());
            let last = AtomicU64::new(0);
            to_lagrange(&mut points, k, &|done| {
                last.fetch_max(done, Ordering::Relaxed);
            });
            let expected = lagrange_scalars(tau, k).expect("tau is outside the domain");
            let expected = crate::comb::Comb::new(k).multiples(&expected, &|_| ());
            assert_eq!(points, expected, "k = {k}");
            assert_eq!(last.into_inner(), transform_work(k));
        }
    }
}
