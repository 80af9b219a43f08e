//! Multi-exponentiation over the BN254 group: buckets by window, added up in affine coordinates.
//!
//! Pippenger's method with signed digits. The points of a window are sorted by bucket and each
//! bucket is summed as a tree, pair by pair; all pairs of a batch share one field inversion
//! (Montgomery's trick), so that an addition costs about six products instead of eleven. Sorting
//! makes the cost independent of how scalars are distributed: columns of small or repeated values
//! are as cheap as their bits.
//!
//! The buckets' weighted sum is made of the same pairs. With `d = 2 c + e`,
//! `sum d S_d = sum over odd d of S_d + 2 sum c (S_2c + S_(2c+1))`: half the buckets are left, and
//! so on; the lists of odd buckets are summed as trees.
//!
//! Columns carry a few full-size blinding scalars beside small values. Scalars of more than
//! [`SMALL_BITS`] bits are counted apart when they are few, so that they do not set the number of
//! windows for all.
//!
//! Running time depends on the scalars: this code is for a prover on its own machine.

mod adder;
mod portable;
#[cfg(target_arch = "x86_64")]
mod vector;

use std::borrow::Cow;

use ff::PrimeField;
use group::Group;
use halo2curves::bn256::{Fr, G1, G1Affine};
use nascent_field::ifma::Ifma;
use rayon::prelude::*;

use adder::{Adder, NEGATIVE};

/// Scalars up to this size make up the small part.
const SMALL_BITS: u32 = 64;
/// Fewer scalars than this are multiplied one by one.
const FEW: usize = 32;
/// Additions that cost as much as a window's share of inversions and doublings.
const WINDOW_OVERHEAD: u64 = 1500;
/// Widest window.
const MAX_WIDTH: u32 = 17;

/// Points to be multiplied, in the form that the processor adds up best.
pub(crate) enum Bases<'a> {
    Portable(portable::Points<'a>),
    #[cfg(target_arch = "x86_64")]
    Vector(vector::Points),
}

impl<'a> Bases<'a> {
    /// Prepares the points; at most `2^31`.
    pub(crate) fn new(simd: Option<Ifma>, points: Cow<'a, [G1Affine]>) -> Self {
        match simd {
            #[cfg(target_arch = "x86_64")]
            Some(simd) => Self::Vector(vector::Points::new(simd, &points)),
            _ => Self::Portable(portable::Points::new(points)),
        }
    }

    /// `sum of scalar_i * base_i`; bases beyond the scalars are ignored.
    pub(crate) fn multi_exponentiation(&self, scalars: &[Fr]) -> G1 {
        match self {
            Self::Portable(points) => split_by_size(points, scalars),
            #[cfg(target_arch = "x86_64")]
            Self::Vector(points) => split_by_size(points, scalars),
        }
    }
}

/// Points that can be added in batches.
trait Engine: Sync {
    /// Affine coordinates, in memory.
    type Point: Copy + Default + Send + Sync;
    /// Buffers of one worker.
    type Scratch: Default;

    /// The bases.
    fn bases(&self) -> &[Self::Point];
    /// Whether a base is the identity.
    fn has_identity(&self) -> bool;
    fn import(&self, point: &G1Affine) -> Self::Point;
    fn export(&self, point: &Self::Point) -> G1Affine;
    /// The negative of a base.
    fn negate(&self, base: &Self::Point) -> Self::Point;
    /// Carries out additions of distinct points that are not opposite and not the identity. If
    /// some are equal or opposite, returns false and leaves `out` undefined at the jobs' places.
    fn add(
        &self,
        source: &[Self::Point],
        jobs: &[Job],
        out: &mut [Self::Point],
        scratch: &mut Self::Scratch,
    ) -> bool;
}

/// An addition: two references to summands ([`NEGATIVE`] marks a subtraction), and the sum's place.
#[derive(Clone, Copy, Debug)]
struct Job {
    a: u32,
    b: u32,
    to: u32,
}

fn split_by_size<E: Engine>(engine: &E, scalars: &[Fr]) -> G1 {
    let limbs: Vec<[u64; 4]> = scalars.iter().map(limbs).collect();
    let indices = |keep: &dyn Fn(u32) -> bool| -> Vec<u32> {
        let kept = limbs
            .iter()
            .enumerate()
            .filter(|(_, limbs)| keep(bits(limbs)));
        kept.map(|(i, _)| i as u32).collect()
    };
    let large = indices(&|bits| bits > SMALL_BITS);
    if large.len() > scalars.len() / 4 {
        return pippenger(engine, scalars, &limbs, &indices(&|bits| bits > 0));
    }
    let small = indices(&|bits| (1..=SMALL_BITS).contains(&bits));
    pippenger(engine, scalars, &limbs, &small) + pippenger(engine, scalars, &limbs, &large)
}

/// Little-endian limbs of the canonical representation.
fn limbs(scalar: &Fr) -> [u64; 4] {
    let bytes = scalar.to_repr();
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
        *limb = u64::from_le_bytes(*chunk);
    }
    limbs
}

fn bits(limbs: &[u64; 4]) -> u32 {
    let top = (0..4).rev().find(|&i| limbs[i] != 0);
    top.map_or(0, |i| 64 * (i as u32 + 1) - limbs[i].leading_zeros())
}

fn pippenger<E: Engine>(engine: &E, scalars: &[Fr], limbs: &[[u64; 4]], indices: &[u32]) -> G1 {
    if indices.len() < FEW {
        let term = |&i: &u32| engine.export(&engine.bases()[i as usize]) * scalars[i as usize];
        return indices.iter().map(term).sum();
    }
    let bits = indices
        .iter()
        .map(|&i| bits(&limbs[i as usize]))
        .max()
        .unwrap_or(0);
    let width = window_width(indices.len(), bits);
    // One bit more than the scalars: room for the carry of the signed digits.
    let windows = (bits + 1).div_ceil(width);
    // For each window, the sum over its bits of 2^bit times a point.
    let sums: Vec<Vec<G1Affine>> = (0..windows)
        .into_par_iter()
        .map(|window| {
            let digits = indices
                .iter()
                .map(|&i| (i, digit(&limbs[i as usize], window, width)));
            window_sum(engine, digits, 1 << (width - 1))
        })
        .collect();
    let mut total = G1::identity();
    for sum in sums.iter().rev() {
        for bit in (0..width as usize).rev() {
            total = total.double();
            if let Some(point) = sum.get(bit) {
                total += point;
            }
        }
    }
    total
}

/// The width of least predicted cost in additions.
fn window_width(count: usize, bits: u32) -> u32 {
    let cost = |width: u32| {
        let windows = u64::from((bits + 1).div_ceil(width));
        windows * (count as u64 + (1u64 << width) + WINDOW_OVERHEAD)
    };
    (2..=MAX_WIDTH)
        .min_by_key(|&width| cost(width))
        .unwrap_or(2)
}

/// Signed digit in `[-2^(width-1), 2^(width-1))`: the window's bits plus the carry from below,
/// which is the bit under the window.
fn digit(limbs: &[u64; 4], window: u32, width: u32) -> i32 {
    let bits = match window * width {
        0 => limbs[0] << 1,
        start => extract(limbs, start - 1),
    };
    let bits = (bits & ((1 << (width + 1)) - 1)) as i32;
    // The window's own top bit moves up as the next carry.
    (bits >> 1) + (bits & 1) - ((bits >> width) << width)
}

/// Bits from bit `start` on, 33 or more; zero past the end.
fn extract(limbs: &[u64; 4], start: u32) -> u64 {
    let half = |i: u32| {
        let limb = limbs.get((i / 2) as usize).copied().unwrap_or(0);
        (limb >> (32 * (i % 2))) & 0xffff_ffff
    };
    let first = start / 32;
    (half(first) | half(first + 1) << 32) >> (start % 32)
}

/// `sum of digit * base` for digits up to `largest`, a power of two, in absolute value: point `i`
/// of the result counts `2^i` times.
fn window_sum<E: Engine>(
    engine: &E,
    digits: impl ExactSizeIterator<Item = (u32, i32)>,
    largest: usize,
) -> Vec<G1Affine> {
    let (references, mut starts) = sort(digits, largest);
    let mut adder = Adder::new(engine);
    let mut points = Vec::with_capacity(references.len() / 2 + largest.min(references.len()));
    adder.halve(
        engine.bases(),
        |position| references[position as usize],
        &mut starts,
        &mut points,
    );
    drop(references);
    adder.sum_buckets(&mut points, &mut starts);
    let (mut odd, mut odd_starts) = (Vec::new(), vec![0]);
    while starts.len() > 1 {
        let buckets = starts.windows(2).map(|pair| pair[0]..pair[1]);
        let places = buckets.skip(1).step_by(2).flatten();
        odd.extend(places.map(|place| points[place as usize]));
        odd_starts.push(odd.len() as u32);
        adder.merge_neighbours(&mut points, &mut starts);
    }
    adder.sum_buckets(&mut odd, &mut odd_starts);
    let sum = |pair: &[u32]| match odd.get(pair[0] as usize..pair[1] as usize) {
        Some([point]) => engine.export(point),
        _ => G1Affine::default(),
    };
    odd_starts.windows(2).map(sum).collect()
}

/// Counting sort by absolute value: references to the bases, and where each value's begin (the
/// value zero has none).
fn sort(digits: impl ExactSizeIterator<Item = (u32, i32)>, largest: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0u32; largest + 2];
    let mut keys = Vec::with_capacity(digits.len());
    for (index, digit) in digits {
        if digit != 0 {
            let value = digit.unsigned_abs();
            starts[value as usize + 1] += 1;
            keys.push((index | if digit < 0 { NEGATIVE } else { 0 }, value));
        }
    }
    for value in 0..=largest {
        starts[value + 1] += starts[value];
    }
    let mut next = starts.clone();
    let mut references = vec![0; keys.len()];
    for (reference, value) in keys {
        let slot = &mut next[value as usize];
        references[*slot as usize] = reference;
        *slot += 1;
    }
    (references, starts)
}

#[cfg(test)]
mod tests {
    use ff::Field;

    use super::*;
    use group::{Curve, prime::PrimeCurveAffine};

    fn bases(count: usize) -> Vec<G1Affine> {
        let point = |i: usize| G1::generator() * Fr::from(i as u64 * i as u64 + 3).cube();
        (0..count).map(|i| point(i).to_affine()).collect()
    }

    fn naive(bases: &[G1Affine], scalars: &[Fr]) -> G1 {
        bases
            .iter()
            .zip(scalars)
            .map(|(base, scalar)| base.to_curve() * scalar)
            .sum()
    }

    #[test]
    fn agrees_with_the_naive_sum() {
        let bases = bases(300);
        let wide = |i: usize| (Fr::from(i as u64) + Fr::from(u64::MAX)).cube().square();
        let cases: Vec<Box<dyn Fn(usize) -> Fr>> = vec![
            Box::new(wide),
            Box::new(|i| Fr::from(i as u64 * 7919 % 65536)),
            Box::new(|i| -Fr::from(i as u64)),
            Box::new(|_| Fr::ZERO),
            Box::new(|_| Fr::from(60)),
            Box::new(move |i| {
                if i >= 290 {
                    wide(i)
                } else {
                    Fr::from(i as u64 % 3)
                }
            }),
            Box::new(|_| -Fr::ONE),
        ];
        for (index, case) in cases.iter().enumerate() {
            for count in [0, 1, 2, 17, 300] {
                let scalars: Vec<Fr> = (0..count).map(case).collect();
                let expected = naive(&bases, &scalars);
                for simd in [None, Ifma::try_new()] {
                    let bases = Bases::new(simd, Cow::Borrowed(&bases));
                    let sum = bases.multi_exponentiation(&scalars);
                    assert_eq!(sum, expected, "case {index}, {count}, {simd:?}");
                }
            }
        }
    }

    #[test]
    fn many_batches() {
        let count = 5000;
        let logarithms: Vec<Fr> = (0..count).map(|i| Fr::from(i * i + 3).cube()).collect();
        let points = logarithms.iter().map(|x| G1::generator() * x);
        let points: Vec<G1Affine> = points.map(|x| x.to_affine()).collect();
        let wide = |i: usize| (logarithms[i] + Fr::from(u64::MAX)).cube();
        let cases: [&dyn Fn(usize) -> Fr; 3] = [
            &wide,
            &|i| Fr::from(i as u64 * 7919 % 65536),
            // One bucket.
            &|_| Fr::from(3),
        ];
        for (index, case) in cases.iter().enumerate() {
            let scalars: Vec<Fr> = (0..points.len()).map(case).collect();
            let log: Fr = scalars.iter().zip(&logarithms).map(|(a, b)| a * b).sum();
            for simd in [None, Ifma::try_new()] {
                let sum = Bases::new(simd, Cow::Borrowed(&points)).multi_exponentiation(&scalars);
                assert_eq!(sum, G1::generator() * log, "case {index}, {simd:?}");
            }
        }
    }

    #[test]
    fn equal_and_opposite_bases() {
        let base = bases(1)[0];
        let five = [base, base, -base, G1Affine::identity(), base];
        // With and without the identity, whose absence lets the adder be careless at first.
        let five = five.into_iter().cycle();
        let all: Vec<_> = five.clone().take(8 * FEW).collect();
        let some: Vec<_> = five
            .filter(|p| *p != G1Affine::identity())
            .take(8 * FEW)
            .collect();
        for (bases, scalars) in [all, some].iter().flat_map(|bases| {
            let scalars = [[5u64, 5, 5, 5, 5], [1, 2, 3, 4, 5], [9, 0, 9, 1, 0]];
            scalars.map(|scalars| (bases.clone(), scalars))
        }) {
            let scalars = scalars.iter().cycle().take(8 * FEW);
            let scalars: Vec<Fr> = scalars.map(|&x| Fr::from(x)).collect();
            let expected = naive(&bases, &scalars);
            for simd in [None, Ifma::try_new()] {
                let sum = Bases::new(simd, Cow::Borrowed(&bases)).multi_exponentiation(&scalars);
                assert_eq!(sum, expected, "{simd:?}");
            }
        }
    }
}
