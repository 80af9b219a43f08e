//! Sums of multiples of points: Pippenger's buckets, filled in affine form.
//!
//! Scalars are cut into signed digits of `c` bits. For each digit position,
//! points are put in order of their digit, equal digits are summed pairwise in
//! rounds, and all additions of a round share one inversion: about six products
//! each, where a mixed Jacobian addition takes eleven.

use alloc::vec;
use alloc::vec::Vec;
use ark_bn254::{Fq, Fr, G1Affine, G1Projective};
use ark_ec::{AdditiveGroup, AffineRepr};
use ark_ff::{Field, PrimeField};

/// Bits of a scalar, with one for the carry of signed digits.
const SCALAR_BITS: u32 = 255;

/// Most points held in buckets at a time, unless one position has more.
const MAX_POINTS: usize = 1 << 13;

/// `sum_i scalars[i] points[i]`, over the shorter of both lists.
pub(crate) fn msm(scalars: &[Fr], points: &[G1Affine]) -> G1Projective {
    let (points, scalars): (Vec<G1Affine>, Vec<[u64; 4]>) = points
        .iter()
        .zip(scalars)
        .filter(|(point, scalar)| !point.is_zero() && **scalar != Fr::ZERO)
        .map(|(point, scalar)| (*point, scalar.into_bigint().0))
        .unzip();
    if points.is_empty() {
        return G1Projective::ZERO;
    }
    let width = digit_width(points.len());
    let digits = signed_digits(&scalars, width);
    // As many digit positions at once as fit a bounded list of points.
    let group = (MAX_POINTS / points.len()).max(1);
    let positions: Vec<&[i32]> = digits.chunks(points.len()).rev().collect();
    let mut sum = G1Projective::ZERO;
    for group in positions.chunks(group) {
        for of_position in digit_sums(&points, group, width) {
            for _ in 0..width {
                sum.double_in_place();
            }
            sum += of_position;
        }
    }
    sum
}

/// Width that about balances filling the buckets and summing them.
fn digit_width(terms: usize) -> u32 {
    match terms {
        0..=31 => 4,
        32..=95 => 5,
        96..=255 => 6,
        256..=767 => 7,
        768..=2047 => 8,
        2048..=6143 => 9,
        6144..=16383 => 10,
        16384..=65535 => 12,
        _ => 13,
    }
}

/// Digits in `[-2^(c-1), 2^(c-1))`: the lowest of all scalars, then the next.
fn signed_digits(scalars: &[[u64; 4]], width: u32) -> Vec<i32> {
    let base = 1_i32 << width;
    let mut carries = vec![0; scalars.len()];
    let mut digits = Vec::new();
    let mut start = 0_u32;
    while start < SCALAR_BITS {
        for (scalar, carry) in scalars.iter().zip(&mut carries) {
            let digit = bits(scalar, start, width) + *carry;
            *carry = i32::from(digit >= base / 2);
            digits.push(digit - *carry * base);
        }
        start += width;
    }
    digits
}

/// `width < 31` bits of a scalar from bit `start` on, zero past the end.
fn bits(scalar: &[u64; 4], start: u32, width: u32) -> i32 {
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
    let buckets = usize::try_from(1_u32 << (width - 1)).unwrap_or(0);
    let mut points = Vec::with_capacity(terms.len().saturating_mul(positions.len()));
    let mut sizes = Vec::with_capacity(buckets.saturating_mul(positions.len()));
    for digits in positions {
        fill_buckets(terms, digits, buckets, &mut points, &mut sizes);
    }
    sum_buckets(&mut points, &mut sizes);

    // sum_b b bucket_b, from the highest bucket down.
    let mut last = points.iter().rev();
    let of_position = |sizes: &[usize]| {
        let mut running = G1Projective::ZERO;
        let mut sum = G1Projective::ZERO;
        for size in sizes.iter().rev() {
            if let Some(point) = last.by_ref().take(*size).next() {
                running += point;
            }
            sum += running;
        }
        sum
    };
    let mut sums: Vec<G1Projective> = sizes.chunks(buckets).rev().map(of_position).collect();
    sums.reverse();
    sums
}

/// Appends the points in order of the size of their digit, and
/// how many have digit 1 to `buckets`. Digit zero contributes nothing.
fn fill_buckets(
    terms: &[G1Affine],
    digits: &[i32],
    buckets: usize,
    points: &mut Vec<G1Affine>,
    sizes: &mut Vec<usize>,
) {
    let mut counts = vec![0_usize; buckets + 1];
    for digit in digits {
        if let Some(count) = counts.get_mut(magnitude(*digit)) {
            *count += 1;
        }
    }
    sizes.extend(counts.iter().skip(1));
    // Where the next point of each digit goes.
    let mut end = points.len();
    for count in counts.iter_mut().skip(1) {
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

    fn scalar(index: usize) -> Fr {
        to_scalar(&keccak256(&[&index.to_be_bytes()]))
    }

    fn check(scalars: &[Fr], points: &[G1Affine]) {
        let expected: G1Projective = points.iter().zip(scalars).map(|(p, s)| *p * s).sum();
        assert_eq!(msm(scalars, points), expected);
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
        for width in 4..=13 {
            for index in 0..50 {
                let value = if index == 0 { -Fr::ONE } else { scalar(index) };
                let digits = signed_digits(&[value.into_bigint().0], width);
                let base = Fr::from(1_u64 << width);
                let sum = digits
                    .iter()
                    .rev()
                    .fold(Fr::ZERO, |sum, digit| sum * base + Fr::from(*digit));
                assert_eq!(sum, value);
                assert!(
                    digits
                        .iter()
                        .all(|d| (-(1 << (width - 1))..1 << (width - 1)).contains(d))
                );
            }
        }
    }
}
