//! Instance columns: the verifier has their values and evaluates them itself.
//!
//! With `n` rows, values `v_j` on the first of them and `z` outside of the domain,
//!
//! ```text
//! sum_j v_j l_j(z) = (z^n - 1) / n  sum_j v_j omega^j / (z - omega^j)
//!                  = (z^n - 1) / n  (z sum_j v_j / (z - omega^j)  -  sum_j v_j)
//! ```
//!
//! The fractions are added up over a common denominator: three products a value, and one inversion.

use crate::challenges::Lagrange;
use crate::proof::ProofError;
use crate::vk::VerifyingKey;
use crate::workers::{Workers, map_all};
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::{AdditiveGroup, Field};
use core::iter::successors;

/// Values that are added up together.
const BLOCK: usize = 1 << 10;
/// Fewer blocks are not worth a worker of their own.
const PIECE: usize = 4;

/// Evaluations of the key's instance queries at `x`.
pub(crate) fn evaluate(
    vk: &VerifyingKey,
    lagrange: &Lagrange,
    x: Fr,
    instances: &[Vec<Fr>],
    workers: &impl Workers,
) -> Result<Vec<Fr>, ProofError> {
    let longest = instances.iter().map(Vec::len).max().unwrap_or(0);
    let domain = Domain::new(vk.omega, longest)?;
    let queries = vk.data().instance_queries.iter();
    queries
        .map(|query| {
            let column = usize::try_from(query.column).ok();
            let column = column.and_then(|column| instances.get(column));
            let values = column.ok_or(ProofError::InconsistentKey)?;
            let z = x * vk.omega_power(query.rotation.into());
            let sum = Sum::of_column(values, &domain, z, workers);
            let inverse = sum.denominator.inverse();
            let inverse = inverse.ok_or(ProofError::DegenerateChallenge)?;
            Ok(lagrange.scale * (z * sum.numerator * inverse - sum.total))
        })
        .collect()
}

/// The roots of the first rows.
struct Domain {
    /// `omega^j` for the rows of a block.
    roots: Vec<Fr>,
    /// From the inverse of a block's first root to the next one's.
    step: Fr,
}

impl Domain {
    fn new(omega: Fr, rows: usize) -> Result<Self, ProofError> {
        let roots = successors(Some(Fr::ONE), |root| Some(*root * omega));
        let block = u64::try_from(BLOCK).unwrap_or(u64::MAX);
        let step = omega.pow([block]).inverse();
        Ok(Self {
            roots: roots.take(rows.min(BLOCK)).collect(),
            step: step.ok_or(ProofError::InconsistentKey)?,
        })
    }
}

/// `sum_j v_j / (z - omega^j)` as a fraction, and `sum_j v_j`.
#[derive(Debug, Clone, Copy)]
struct Sum {
    numerator: Fr,
    denominator: Fr,
    total: Fr,
}

impl Sum {
    const EMPTY: Self = Self {
        numerator: Fr::ZERO,
        denominator: Fr::ONE,
        total: Fr::ZERO,
    };

    fn of_column(values: &[Fr], domain: &Domain, z: Fr, workers: &impl Workers) -> Self {
        let blocks: Vec<&[Fr]> = values.chunks(BLOCK).collect();
        let pieces = workers.width().min(blocks.len() / PIECE).max(1);
        let length = blocks.len().div_ceil(pieces).max(1);
        let sums = map_all(workers, pieces, |index| {
            let first = index.saturating_mul(length);
            let blocks = blocks.iter().skip(first).take(length);
            Self::of_blocks(first, blocks, domain, z)
        });
        sums.iter().fold(Self::EMPTY, |sum, next| sum.plus(next))
    }

    /// Of blocks from the one with this number. The roots of a block are those of block 0 times
    /// `g`, the first of them: `1 / (z - g root) = 1 / g  1 / (z / g - root)`.
    fn of_blocks<'a>(
        first: usize,
        blocks: impl Iterator<Item = &'a &'a [Fr]>,
        domain: &Domain,
        z: Fr,
    ) -> Self {
        let first = u64::try_from(first).unwrap_or(u64::MAX);
        let mut inverse = domain.step.pow([first]);
        let mut sum = Self::EMPTY;
        for values in blocks {
            let mut block = Self::of_block(values, &domain.roots, z * inverse);
            block.numerator *= inverse;
            sum = sum.plus(&block);
            inverse *= domain.step;
        }
        sum
    }

    fn of_block(values: &[Fr], roots: &[Fr], z: Fr) -> Self {
        let mut sum = Self::EMPTY;
        for (value, root) in values.iter().zip(roots) {
            let factor = z - root;
            sum.numerator =
                Fr::sum_of_products(&[sum.numerator, *value], &[factor, sum.denominator]);
            sum.denominator *= factor;
            sum.total += value;
        }
        sum
    }

    fn plus(&self, other: &Self) -> Self {
        Self {
            numerator: self.numerator * other.denominator + other.numerator * self.denominator,
            denominator: self.denominator * other.denominator,
            total: self.total + other.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::digest::{keccak256, to_scalar};
    use crate::workers::Alone;
    use ark_ff::FftField;

    /// So many pieces, the last first.
    struct Backwards(usize);

    impl Workers for Backwards {
        fn width(&self) -> usize {
            self.0
        }

        fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
            let mut results: Vec<R> = (0..count).rev().map(work).collect();
            results.reverse();
            results
        }
    }

    #[test]
    fn sums_are_those_of_the_fractions() {
        let omega = Fr::get_root_of_unity(1 << 15).expect("a domain");
        let z = to_scalar(&keccak256(&[b"z"]));
        let domain = |rows| Domain::new(omega, rows).expect("a domain");
        for count in [0, 1, 2, 100, BLOCK, 13 * BLOCK + 7] {
            let value = |i: usize| to_scalar(&keccak256(&[&i.to_be_bytes()]));
            let values: Vec<Fr> = (0..count).map(value).collect();
            let mut root = Fr::ONE;
            let mut expected = Fr::ZERO;
            for value in &values {
                expected += *value * (z - root).inverse().expect("not in the domain");
                root *= omega;
            }
            for width in [1, 2, 3, 9] {
                let sum = Sum::of_column(&values, &domain(count), z, &Backwards(width));
                assert_eq!(sum.numerator, expected * sum.denominator, "{count} {width}");
                assert_eq!(sum.total, values.iter().sum::<Fr>());
                assert_ne!(sum.denominator, Fr::ZERO);
            }
        }
        // In the domain: no value, and the caller is told.
        let sum = Sum::of_column(&[Fr::ONE; 4], &domain(4), omega, &Alone);
        assert_eq!(sum.denominator, Fr::ZERO);
    }
}
