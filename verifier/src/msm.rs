//! Sums of multiples of points: Pippenger's buckets, filled in affine form.
//!
//! Scalars are cut into two halves ([`crate::glv`]), halves into signed digits
//! of `c` bits. For each digit position, points are put in order of their digit,
//! equal digits are summed pairwise in rounds, and all additions of a round
//! share one inversion: about six products each, where a mixed Jacobian addition
//! takes eleven. Buckets are then summed by the two parts of their number, in
//! the same way, so that only about `2 sqrt(2^c)` sums are left to be weighted.

use crate::glv::{self, Half};
use crate::workers::{Workers, map_all};
use alloc::vec;
use alloc::vec::Vec;
use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, AffineRepr};
use ark_ff::{BigInt, BigInteger, Field};

/// Most points held in buckets at a time, unless one position has more.
const MAX_POINTS: usize = 1 << 14;

/// Widths of a digit that are weighed against each other.
const WIDTHS: core::ops::RangeInclusive<u32> = 3..=14;

/// `sum_i scalars[i] points[i]`, over the shorter of both lists.
pub(crate) fn msm(scalars: &[Fr], points: &[G1Affine], workers: &impl Workers) -> G1Projective {
    let (points, halves) = split_terms(scalars, points);
    let bits = halves.iter().map(bit_length).max().unwrap_or(0);
    if bits == 0 {
        return G1Projective::ZERO;
    }
    let width = digit_width(points.len(), bits);
    let digits = signed_digits(&halves, bits, width);
    let positions: Vec<&[i32]> = digits.chunks(points.len()).rev().collect();
    // As many digit positions at once as fit a bounded list of points.
    let share = positions.len().div_ceil(workers.width().max(1));
    let group = (MAX_POINTS / points.len()).clamp(1, share);
    let groups: Vec<&[&[i32]]> = positions.chunks(group).collect();
    let sums = map_all(workers, groups.len(), |index| {
        let group = groups.get(index).copied().unwrap_or(&[]);
        digit_sums(&points, group, width)
    });
    let mut sum = G1Projective::ZERO;
    for of_position in sums.into_iter().flatten() {
        for _ in 0..width {
            sum.double_in_place();
        }
        sum += of_position;
    }
    sum
}

/// Points and halves of their scalars, without those that contribute nothing.
fn split_terms(scalars: &[Fr], points: &[G1Affine]) -> (Vec<G1Affine>, Vec<Half>) {
    let most = scalars.len().min(points.len()).saturating_mul(2);
    let mut terms = Vec::with_capacity(most);
    let mut halves = Vec::with_capacity(most);
    for (scalar, point) in scalars.iter().zip(points) {
        if point.is_zero() {
            continue;
        }
        let [low, high] = glv::halves(scalar);
        if bit_length(&low) > 0 {
            terms.push(*point);
            halves.push(low);
        }
        if bit_length(&high) > 0 {
            terms.push(glv::endomorphism(point));
            halves.push(high);
        }
    }
    (terms, halves)
}

fn bit_length(half: &Half) -> u32 {
    BigInt::<4>::new(half.limbs).num_bits()
}

/// Digits of a magnitude of so many bits. With one bit more the highest digit is
/// below `2^(c-1)` before the carry, so it hands none on.
fn positions(bits: u32, width: u32) -> u32 {
    (bits + 1).div_ceil(width)
}

/// The width with the fewest products: six for each point and twelve for each
/// bucket of each position, then the weighted sums of [`weigh`].
fn digit_width(terms: usize, bits: u32) -> u32 {
    let products = |width: &u32| {
        let grid = Grid::new(*width);
        let per_position = terms
            .saturating_mul(6)
            .saturating_add(grid.buckets().saturating_mul(12))
            .saturating_add((grid.rows + grid.columns).saturating_mul(27));
        let positions = usize::try_from(positions(bits, *width)).unwrap_or(usize::MAX);
        per_position.saturating_mul(positions)
    };
    WIDTHS.min_by_key(products).unwrap_or(8)
}

/// The buckets of a position: bucket `columns * row + column` holds the points of
/// that digit, from 1 to `2^(c-1)`. Bucket 0 stays empty.
#[derive(Debug, Clone, Copy)]
struct Grid {
    rows: usize,
    columns: usize,
}

impl Grid {
    fn new(width: u32) -> Self {
        let bits = width - 1;
        Self {
            rows: (1 << (bits - bits / 2)) + 1,
            columns: 1 << (bits / 2),
        }
    }

    /// Number of buckets; those past the largest digit stay empty.
    fn buckets(&self) -> usize {
        self.rows * self.columns
    }
}

/// Digits in `(-2^(c-1), 2^(c-1)]`, negated for negative halves: the lowest of
/// all, then the next.
fn signed_digits(halves: &[Half], bits: u32, width: u32) -> Vec<i32> {
    let base = 1_i32 << width;
    let mut carries = vec![0; halves.len()];
    let mut digits = Vec::new();
    for position in 0..positions(bits, width) {
        for (half, carry) in halves.iter().zip(&mut carries) {
            let digit = digit_bits(&half.limbs, position * width, width) + *carry;
            *carry = i32::from(digit > base / 2);
            let digit = digit - *carry * base;
            digits.push(if half.negative { -digit } else { digit });
        }
    }
    digits
}

/// `width < 31` bits of a scalar from bit `start` on, zero past the end.
fn digit_bits(scalar: &[u64; 4], start: u32, width: u32) -> i32 {
    let limb = |index: u32| {
        let index = usize::try_from(index).unwrap_or(usize::MAX);
        u128::from(scalar.get(index).copied().unwrap_or(0))
    };
    let pair = limb(start / 64) | limb(start / 64 + 1) << 64;
    let value = (pair >> (start % 64)) & ((1 << width) - 1);
    i32::try_from(value).unwrap_or(0)
}

/// `sum_i digit_i point_i` for the digits at each of the positions.
fn digit_sums(terms: &[G1Affine], positions: &[&[i32]], width: u32) -> Vec<G1Projective> {
    let grid = Grid::new(width);
    let mut points = Vec::with_capacity(terms.len().saturating_mul(positions.len()));
    let mut sizes = Vec::with_capacity(grid.buckets().saturating_mul(positions.len()));
    for digits in positions {
        fill_buckets(terms, digits, grid.buckets(), &mut points, &mut sizes);
    }
    sum_buckets(&mut points, &mut sizes);
    let (mut points, mut sizes) = by_line(&points, &sizes, grid);
    sum_buckets(&mut points, &mut sizes);
    let mut points = points.iter();
    sizes
        .chunks(grid.rows + grid.columns)
        .map(|sizes| {
            let (rows, columns) = sizes.split_at_checked(grid.rows).unwrap_or((sizes, &[]));
            let rows = weigh(rows, &mut points);
            let columns = weigh(columns, &mut points);
            let mut sum = rows;
            for _ in 0..grid.columns.ilog2() {
                sum.double_in_place();
            }
            sum + columns
        })
        .collect()
}

/// Buckets of at most one point, put together by row, then by column.
fn by_line(points: &[G1Affine], sizes: &[usize], grid: Grid) -> (Vec<G1Affine>, Vec<usize>) {
    let mut out = Vec::with_capacity(points.len().saturating_mul(2));
    let lines = (sizes.len() / grid.buckets().max(1)).saturating_mul(grid.rows + grid.columns);
    let mut out_sizes = Vec::with_capacity(lines);
    let mut points = points.iter();
    for sizes in sizes.chunks(grid.buckets()) {
        let buckets = sizes.iter();
        let buckets: Vec<Option<&G1Affine>> = buckets
            .map(|size| points.by_ref().take(*size).next())
            .collect();
        let mut line = |buckets: &mut dyn Iterator<Item = &Option<&G1Affine>>| {
            let before = out.len();
            out.extend(buckets.flatten().copied());
            out_sizes.push(out.len() - before);
        };
        for row in buckets.chunks(grid.columns) {
            line(&mut row.iter());
        }
        for column in 0..grid.columns {
            line(&mut buckets.iter().skip(column).step_by(grid.columns));
        }
    }
    (out, out_sizes)
}

/// `sum_i i line_i`, for lines of at most one point, which `points` gives in order.
fn weigh<'a>(sizes: &[usize], points: &mut impl Iterator<Item = &'a G1Affine>) -> G1Projective {
    let lines = sizes.iter();
    let lines: Vec<Option<&G1Affine>> = lines
        .map(|size| points.by_ref().take(*size).next())
        .collect();
    let mut running = G1Projective::ZERO;
    let mut sum = G1Projective::ZERO;
    for line in lines.iter().skip(1).rev() {
        if let Some(point) = line {
            running += *point;
        }
        sum += running;
    }
    sum
}

/// Appends the points in order of the size of their digit, and how many have
/// each of the digits from 0 to `buckets - 1`. Digit zero contributes nothing.
fn fill_buckets(
    terms: &[G1Affine],
    digits: &[i32],
    buckets: usize,
    points: &mut Vec<G1Affine>,
    sizes: &mut Vec<usize>,
) {
    let mut counts = vec![0_usize; buckets];
    for digit in digits.iter().filter(|digit| **digit != 0) {
        if let Some(count) = counts.get_mut(magnitude(*digit)) {
            *count += 1;
        }
    }
    sizes.extend(&counts);
    // Where the next point of each digit goes.
    let mut end = points.len();
    for count in &mut counts {
        let start = end;
        end += *count;
        *count = start;
    }
    points.resize(end, G1Affine::zero());
    for (point, &digit) in terms.iter().zip(digits) {
        if digit == 0 {
            continue;
        }
        if let Some(next) = counts.get_mut(magnitude(digit)) {
            if let Some(slot) = points.get_mut(*next) {
                *slot = if digit < 0 { -*point } else { *point };
            }
            *next += 1;
        }
    }
}

fn magnitude(digit: i32) -> usize {
    usize::try_from(digit.unsigned_abs()).unwrap_or(usize::MAX - 1)
}

/// Sums each bucket to at most one point. `points` holds the buckets one after
/// the other, `sizes` how many points each has.
fn sum_buckets(points: &mut Vec<G1Affine>, sizes: &mut [usize]) {
    let mut next = Vec::with_capacity(points.len() / 2 + sizes.len());
    let mut inverses: Vec<Fq> = Vec::with_capacity(points.len() / 2);
    while sizes.iter().any(|size| *size > 1) {
        inverses.clear();
        for (bucket, _) in split(points, sizes) {
            let pairs = bucket.as_chunks::<2>().0.iter();
            inverses.extend(pairs.map(|[a, b]| denominator(a, b)));
        }
        ark_ff::batch_inversion(&mut inverses);
        next.clear();
        let mut inverses = inverses.iter();
        for (bucket, size) in split(points, sizes) {
            let before = next.len();
            let (pairs, odd) = bucket.as_chunks::<2>();
            for ([a, b], inverse) in pairs.iter().zip(inverses.by_ref()) {
                next.extend(add(a, b, inverse));
            }
            next.extend(odd);
            *size = next.len() - before;
        }
        core::mem::swap(points, &mut next);
    }
}

/// The buckets, with their sizes.
fn split<'a>(
    points: &'a [G1Affine],
    sizes: &'a mut [usize],
) -> impl Iterator<Item = (&'a [G1Affine], &'a mut usize)> {
    let mut rest = points;
    sizes.iter_mut().map(move |size| {
        let (bucket, after) = rest.split_at_checked(*size).unwrap_or((rest, &[]));
        rest = after;
        (bucket, size)
    })
}

/// Denominator of the slope through two points: of the tangent if they are
/// equal; zero, which stays zero under batch inversion, if they are opposite.
fn denominator(a: &G1Affine, b: &G1Affine) -> Fq {
    if a.x != b.x {
        b.x - a.x
    } else {
        // 2y for equal points, y - y = 0 for opposite ones.
        a.y + b.y
    }
}

/// Sum of two points, neither the identity; `None` if it is the identity.
fn add(a: &G1Affine, b: &G1Affine, inverse: &Fq) -> Option<G1Affine> {
    let rise = if a.x != b.x {
        b.y - a.y
    } else if a.y == b.y {
        let square = a.x.square();
        square.double() + square
    } else {
        return None;
    };
    let slope = rise * inverse;
    let x = slope.square() - a.x - b.x;
    let y = slope * (a.x - x) - a.y;
    Some(G1Affine::new_unchecked(x, y))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{keccak256, to_scalar};
    use ark_ec::CurveGroup;
    use ark_ff::PrimeField;

    /// Alone, but cutting the work as for so many.
    struct Width(usize);

    impl Workers for Width {
        fn width(&self) -> usize {
            self.0
        }

        fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
            crate::workers::Alone.map(count, work)
        }
    }

    fn scalar(index: usize) -> Fr {
        to_scalar(&keccak256(&[&index.to_be_bytes()]))
    }

    fn check(scalars: &[Fr], points: &[G1Affine]) {
        let expected: G1Projective = points.iter().zip(scalars).map(|(p, s)| *p * s).sum();
        for width in [1, 2, 7, 1000] {
            assert_eq!(msm(scalars, points, &Width(width)), expected);
        }
    }

    #[test]
    fn agrees_with_single_multiplications() {
        for count in [0, 1, 2, 31, 100, 300] {
            let scalars: Vec<Fr> = (0..count).map(scalar).collect();
            let points: Vec<G1Affine> = (0..count)
                .map(|index| (G1Affine::generator() * scalar(index + 1000)).into_affine())
                .collect();
            check(&scalars, &points);
        }
    }

    #[test]
    fn equal_opposite_and_identity_points_and_extreme_scalars() {
        let g = G1Affine::generator();
        let points = [g, g, -g, g, G1Affine::zero(), -g, g];
        let scalars = [
            Fr::ONE,
            Fr::ONE,
            Fr::ONE,
            -Fr::ONE,
            Fr::ONE,
            Fr::ZERO,
            scalar(3),
        ];
        check(&scalars, &points);
        check(&[scalar(1); 40], &[g; 40]);
        let many: Vec<G1Affine> = (0..40).map(|i| if i % 2 == 0 { g } else { -g }).collect();
        check(&[scalar(1); 40], &many);
        check(&[-Fr::ONE; 40], &[g; 40]);
        check(&[Fr::ZERO; 3], &[g; 3]);
    }

    #[test]
    fn digits_recompose() {
        for width in WIDTHS {
            for index in 0..50 {
                let value = if index == 0 { -Fr::ONE } else { scalar(index) };
                let limbs = value.into_bigint().0;
                let half = Half {
                    limbs,
                    negative: index % 2 == 0,
                };
                let digits = signed_digits(&[half], bit_length(&half), width);
                let base = Fr::from(1_u64 << width);
                let sum = digits
                    .iter()
                    .rev()
                    .fold(Fr::ZERO, |sum, digit| sum * base + Fr::from(*digit));
                assert_eq!(sum, if half.negative { -value } else { value });
                let largest = 1 << (width - 1);
                assert!(digits.iter().all(|digit| digit.abs() <= largest));
                assert!(Grid::new(width).buckets() > 1 << (width - 1));
            }
        }
    }

    #[test]
    fn no_carry_is_lost() {
        // The longest magnitude of each length: every digit carries.
        for bits in 1..=253 {
            let mut value = Fr::ONE;
            for _ in 0..bits {
                value.double_in_place();
            }
            let value = value - Fr::ONE;
            let half = Half {
                limbs: value.into_bigint().0,
                negative: false,
            };
            assert_eq!(bit_length(&half), bits);
            for width in WIDTHS {
                let digits = signed_digits(&[half], bits, width);
                let base = Fr::from(1_u64 << width);
                let digits = digits.iter().rev();
                let sum = digits.fold(Fr::ZERO, |sum, digit| sum * base + Fr::from(*digit));
                assert_eq!(sum, value, "{bits} bits by {width}");
            }
        }
    }

    #[test]
    fn every_bucket_has_its_weight() {
        for width in [3, 4, 5, 8] {
            let largest = 1_i32 << (width - 1);
            let digits: Vec<i32> = (-largest..=largest).collect();
            let terms = vec![G1Affine::generator(); digits.len()];
            for digit in &digits {
                let mut only = vec![0; digits.len()];
                only[3] = *digit;
                let [sum] = digit_sums(&terms, &[&only], width)[..] else {
                    panic!("one position");
                };
                assert_eq!(sum, G1Affine::generator() * Fr::from(*digit));
            }
        }
    }
}
