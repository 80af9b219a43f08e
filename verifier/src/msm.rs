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

/// `sum_i scalars[i] points[i]`, over the shorter of both lists.
pub(crate) fn msm(scalars: &[Fr], points: &[G1Affine]) -> G1Projective {
    let terms: Vec<(G1Affine, [u64; 4])> = points
        .iter()
        .zip(scalars)
        .filter(|(point, scalar)| !point.is_zero() && **scalar != Fr::ZERO)
        .map(|(point, scalar)| (*point, scalar.into_bigint().0))
        .collect();
    let width = digit_width(terms.len());
    let digits: Vec<Vec<i32>> = terms
        .iter()
        .map(|(_, scalar)| signed_digits(scalar, width))
        .collect();
    let mut sum = G1Projective::ZERO;
    for position in (0..digit_count(width)).rev() {
        for _ in 0..width {
            sum.double_in_place();
        }
        sum += digit_sum(&terms, &digits, position, width);
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

fn digit_count(width: u32) -> usize {
    usize::try_from(SCALAR_BITS.div_ceil(width)).unwrap_or(0)
}

/// Digits in `[-2^(c-1), 2^(c-1))`, lowest first.
fn signed_digits(scalar: &[u64; 4], width: u32) -> Vec<i32> {
    let base = 1_i32 << width;
    let mut carry = 0;
    let mut digits = Vec::with_capacity(digit_count(width));
    let mut start = 0_u32;
    while start < SCALAR_BITS {
        let mut digit = bits(scalar, start, width) + carry;
        carry = i32::from(digit >= base / 2);
        digit -= carry * base;
        digits.push(digit);
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

/// `sum_i digit_i point_i` for the digits at one position.
fn digit_sum(
    terms: &[(G1Affine, [u64; 4])],
    digits: &[Vec<i32>],
    position: usize,
    width: u32,
) -> G1Projective {
    let buckets = usize::try_from(1_u32 << (width - 1)).unwrap_or(0);
    let digit = |digits: &Vec<i32>| digits.get(position).copied().unwrap_or(0);
    // Counting sort by |digit|: bucket b stands at starts[b]..starts[b + 1].
    let mut starts = vec![0_usize; buckets + 2];
    for of in digits {
        if let Some(count) = starts.get_mut(magnitude(digit(of)) + 1) {
            *count += 1;
        }
    }
    let mut sizes: Vec<usize> = starts.iter().skip(1).copied().collect();
    let mut total = 0;
    for start in &mut starts {
        total += *start;
        *start = total;
    }
    let mut sorted = vec![G1Affine::zero(); terms.len()];
    for ((point, _), of) in terms.iter().zip(digits) {
        let digit = digit(of);
        if let Some(next) = starts.get_mut(magnitude(digit)) {
            if let Some(slot) = sorted.get_mut(*next) {
                *slot = if digit < 0 { -*point } else { *point };
            }
            *next += 1;
        }
    }
    // Digit zero contributes nothing.
    let zeros = sizes.first().copied().unwrap_or(0);
    sorted.drain(..zeros.min(sorted.len()));
    if !sizes.is_empty() {
        sizes.remove(0);
    }
    sum_buckets(&mut sorted, &mut sizes);

    // sum_b b bucket_b, from the highest bucket down.
    let mut ends = sorted.iter().rev();
    let mut running = G1Projective::ZERO;
    let mut sum = G1Projective::ZERO;
    for size in sizes.iter().rev() {
        if *size > 0 {
            if let Some(point) = ends.next() {
                running += point;
            }
        }
        sum += running;
    }
    sum
}

fn magnitude(digit: i32) -> usize {
    usize::try_from(digit.unsigned_abs()).unwrap_or(usize::MAX - 1)
}

/// Sums each bucket to at most one point. `points` holds the buckets one after
/// the other, `sizes` how many points each has.
fn sum_buckets(points: &mut Vec<G1Affine>, sizes: &mut [usize]) {
    let mut next = Vec::with_capacity(points.len());
    let mut pairs: Vec<(G1Affine, G1Affine)> = Vec::with_capacity(points.len() / 2);
    let mut denominators: Vec<Fq> = Vec::with_capacity(points.len() / 2);
    while sizes.iter().any(|size| *size > 1) {
        pairs.clear();
        denominators.clear();
        let mut rest = points.as_slice();
        for size in sizes.iter() {
            let (bucket, after) = rest.split_at_checked(*size).unwrap_or((rest, &[]));
            rest = after;
            for pair in bucket.as_chunks::<2>().0 {
                let [a, b] = *pair;
                pairs.push((a, b));
                denominators.push(denominator(&a, &b));
            }
        }
        ark_ff::batch_inversion(&mut denominators);
        next.clear();
        let mut sums = pairs.iter().zip(&denominators);
        let mut rest = points.as_slice();
        for size in sizes.iter_mut() {
            let (bucket, after) = rest.split_at_checked(*size).unwrap_or((rest, &[]));
            rest = after;
            let before = next.len();
            let (chunks, odd) = bucket.as_chunks::<2>();
            for ((a, b), inverse) in sums.by_ref().take(chunks.len()) {
                next.extend(add(a, b, inverse));
            }
            next.extend(odd);
            *size = next.len() - before;
        }
        core::mem::swap(points, &mut next);
    }
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
                let digits = signed_digits(&value.into_bigint().0, width);
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
