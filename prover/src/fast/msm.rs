//! Multi-exponentiation over the BN254 group: buckets by window, added up in affine coordinates.
//!
//! Pippenger's method with signed digits. The points of a window are sorted by bucket and each
//! bucket is summed as a tree, pair by pair; all pairs of a round share one field inversion
//! (Montgomery's trick), so that an addition costs about six products instead of eleven. Sorting
//! makes the cost independent of how scalars are distributed: columns of small or repeated values
//! are as cheap as their bits.
//!
//! Columns carry a few full-size blinding scalars beside small values. Scalars of more than
//! [`SMALL_BITS`] bits are counted apart when they are few, so that they do not set the number of
//! windows for all.
//!
//! Running time depends on the scalars: this code is for a prover on its own machine.

use ff::{Field, PrimeField};
use group::Group;
use halo2curves::bn256::{Fq, Fr, G1, G1Affine};
use rayon::prelude::*;

/// Scalars up to this size make up the small part.
const SMALL_BITS: u32 = 64;
/// Pairs that share an inversion.
const BATCH: usize = 1 << 10;

/// `sum of scalar_i * base_i`; bases beyond the scalars are ignored.
pub(crate) fn multi_exponentiation(bases: &[G1Affine], scalars: &[Fr]) -> G1 {
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
        return pippenger(bases, &limbs, &indices(&|bits| bits > 0));
    }
    let small = indices(&|bits| (1..=SMALL_BITS).contains(&bits));
    pippenger(bases, &limbs, &small) + pippenger(bases, &limbs, &large)
}

/// Little-endian limbs of the canonical representation.
fn limbs(scalar: &Fr) -> [u64; 4] {
    let bytes = scalar.to_repr();
    let mut limbs = [0; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = chunk
            .iter()
            .rev()
            .fold(0, |limb, &byte| (limb << 8) | u64::from(byte));
    }
    limbs
}

fn bits(limbs: &[u64; 4]) -> u32 {
    let top = (0..4).rev().find(|&i| limbs[i] != 0);
    top.map_or(0, |i| 64 * (i as u32 + 1) - limbs[i].leading_zeros())
}

fn pippenger(bases: &[G1Affine], limbs: &[[u64; 4]], indices: &[u32]) -> G1 {
    let bits = indices
        .iter()
        .map(|&i| bits(&limbs[i as usize]))
        .max()
        .unwrap_or(0);
    if bits == 0 {
        return G1::identity();
    }
    let width = window_width(indices.len(), bits);
    // One bit more than the scalars: room for the carry of the signed digits.
    let windows = (bits + 1).div_ceil(width);
    let careful = indices.iter().any(|&i| is_identity(&bases[i as usize]));
    let sums: Vec<G1> = (0..windows)
        .into_par_iter()
        .map(|window| {
            let digits = indices
                .iter()
                .map(|&i| (i, digit(&limbs[i as usize], window, width)));
            window_sum(
                bases,
                &digits.collect::<Vec<_>>(),
                1 << (width - 1),
                careful,
            )
        })
        .collect();
    sums.into_iter().rev().fold(G1::identity(), |total, sum| {
        (0..width).fold(total, |total, _| total.double()) + sum
    })
}

/// The width of least predicted cost, an addition to a bucket being a third of one in the final
/// summation.
fn window_width(count: usize, bits: u32) -> u32 {
    let cost = |width: u32| {
        let windows = u64::from((bits + 1).div_ceil(width));
        windows * (count as u64 + 3 * 2 * (1u64 << (width - 1)))
    };
    (2..=16).min_by_key(|&width| cost(width)).unwrap_or(2)
}

/// Signed digit in `[-2^(width-1), 2^(width-1))`: the window's bits plus the carry from below,
/// which is the bit under the window.
fn digit(limbs: &[u64; 4], window: u32, width: u32) -> i32 {
    let start = window * width;
    let carry = if start == 0 {
        0
    } else {
        extract(limbs, start - 1, 1)
    };
    let value = extract(limbs, start, width) as i32 + carry as i32;
    // The window's own top bit moves up as the next carry.
    let top = extract(limbs, start + width - 1, 1) as i32;
    value - (top << width)
}

/// `count <= 32` bits from bit `start` on; zero past the end.
fn extract(limbs: &[u64; 4], start: u32, count: u32) -> u32 {
    let (limb, shift) = ((start / 64) as usize, start % 64);
    let low = limbs.get(limb).copied().unwrap_or(0) >> shift;
    let high = match shift {
        0 => 0,
        _ => limbs.get(limb + 1).copied().unwrap_or(0) << (64 - shift),
    };
    ((low | high) & ((1 << count) - 1)) as u32
}

/// `sum of digit * base` for digits up to `buckets` in absolute value.
fn window_sum(bases: &[G1Affine], digits: &[(u32, i32)], buckets: usize, careful: bool) -> G1 {
    // Counting sort by bucket; bucket b holds digits +-(b + 1).
    let mut starts = vec![0u32; buckets + 1];
    for &(_, digit) in digits.iter().filter(|(_, digit)| *digit != 0) {
        starts[digit.unsigned_abs() as usize] += 1;
    }
    for bucket in 0..buckets {
        starts[bucket + 1] += starts[bucket];
    }
    let total = starts[buckets] as usize;
    let mut points = vec![G1Affine::default(); total];
    let mut next = starts.clone();
    for &(index, digit) in digits.iter().filter(|(_, digit)| *digit != 0) {
        let slot = &mut next[digit.unsigned_abs() as usize - 1];
        let base = bases[index as usize];
        let y = if digit < 0 { -base.y } else { base.y };
        points[*slot as usize] = G1Affine { x: base.x, y };
        *slot += 1;
    }
    let mut adder = BatchAdder {
        careful,
        ..BatchAdder::default()
    };
    let mut other = Vec::with_capacity(total.div_ceil(2) + buckets);
    while starts.windows(2).any(|pair| pair[1] - pair[0] > 1) {
        halve(&points, &mut starts, &mut other, &mut adder);
        std::mem::swap(&mut points, &mut other);
    }
    let (mut running, mut sum) = (G1::identity(), G1::identity());
    for pair in starts.windows(2).rev() {
        if pair[1] > pair[0] {
            running += points[pair[0] as usize];
        }
        sum += running;
    }
    sum
}

/// One round: each bucket's points are added in pairs.
fn halve(points: &[G1Affine], starts: &mut [u32], out: &mut Vec<G1Affine>, adder: &mut BatchAdder) {
    out.clear();
    let mut first = starts[0] as usize;
    for bucket in 0..starts.len() - 1 {
        let last = starts[bucket + 1] as usize;
        let mut pairs = points[first..last].chunks_exact(2);
        for pair in &mut pairs {
            adder.push(&pair[0], &pair[1], out);
        }
        out.extend_from_slice(pairs.remainder());
        first = last;
        starts[bucket + 1] = out.len() as u32;
    }
    adder.flush(out);
}

/// Additions that wait for their common inversion.
///
/// Equal, opposite and trivial summands have no slope. They do not occur among the points of an
/// honest SRS, so that they are looked for only once a batch has met one (its product is zero then)
/// or the bases contain the identity.
#[derive(Default)]
struct BatchAdder {
    /// Look at each pair for a missing slope.
    careful: bool,
    /// Summands and where the sum goes.
    pending: Vec<(G1Affine, G1Affine, u32)>,
    /// `prod of x_2 - x_1` over the additions before.
    prefixes: Vec<Fq>,
    product: Option<Fq>,
}

impl BatchAdder {
    /// Reserves the next place of `out` for `a + b`.
    fn push(&mut self, a: &G1Affine, b: &G1Affine, out: &mut Vec<G1Affine>) {
        if self.careful && (is_identity(a) || is_identity(b) || a.x == b.x) {
            out.push((G1::from(*a) + G1::from(*b)).into());
            return;
        }
        let difference = b.x - a.x;
        let product = self.product.unwrap_or(Fq::ONE);
        self.prefixes.push(product);
        self.product = Some(product * difference);
        self.pending.push((*a, *b, out.len() as u32));
        out.push(*a);
        if self.pending.len() == BATCH {
            self.flush(out);
        }
    }

    /// Carries out all waiting additions.
    fn flush(&mut self, out: &mut [G1Affine]) {
        let Some(product) = self.product.take() else {
            return;
        };
        let Some(mut inverse) = Option::<Fq>::from(product.invert()) else {
            self.careful = true;
            for (a, b, place) in self.pending.drain(..) {
                out[place as usize] = (G1::from(a) + G1::from(b)).into();
            }
            self.prefixes.clear();
            return;
        };
        for ((a, b, place), prefix) in self.pending.drain(..).zip(self.prefixes.drain(..)).rev() {
            let slope = (b.y - a.y) * (inverse * prefix);
            inverse *= b.x - a.x;
            let x = slope.square() - a.x - b.x;
            out[place as usize] = G1Affine {
                x,
                y: slope * (a.x - x) - a.y,
            };
        }
    }
}

fn is_identity(point: &G1Affine) -> bool {
    bool::from(point.x.is_zero() & point.y.is_zero())
}

#[cfg(test)]
mod tests {
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
                assert_eq!(
                    multi_exponentiation(&bases, &scalars),
                    naive(&bases, &scalars),
                    "case {index}, {count}"
                );
            }
        }
    }

    #[test]
    fn equal_and_opposite_bases() {
        let base = bases(1)[0];
        let bases = [base, base, -base, G1Affine::identity(), base];
        for scalars in [[5u64, 5, 5, 5, 5], [1, 2, 3, 4, 5], [9, 0, 9, 1, 0]] {
            let scalars = scalars.map(Fr::from);
            assert_eq!(
                multi_exponentiation(&bases, &scalars),
                naive(&bases, &scalars)
            );
        }
    }
}
