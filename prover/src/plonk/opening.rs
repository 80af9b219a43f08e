//! Opening of all polynomials at all points (SHPLONK, Boneh et al., ePrint 2020/081, section 4),
//! with the library's order of sets and powers.
//!
//! Polynomials opened at the same set of points are combined first, so that divisions and
//! reorderings are paid once a set, not once a polynomial.

use ff::Field;
use halo2curves::bn256::Fr;
use rayon::prelude::*;

use super::interpolation::interpolate;
use super::transform::{powers, reverse};

/// A polynomial to open: coefficients in bit-reversed order, with its points and values.
pub(crate) struct Opened<'a> {
    pub(crate) coefficients: &'a [Fr],
    /// Indices into the list of points, sorted.
    pub(crate) points: Vec<usize>,
    /// Values in the order of `points`.
    pub(crate) values: Vec<Fr>,
}

/// Polynomials that share their points, combined.
struct Set {
    points: Vec<usize>,
    /// `sum of y^j P_j`, natural order.
    combined: Vec<Fr>,
    /// `sum of y^j R_j`, the low-degree polynomial through the values.
    remainder: Vec<Fr>,
}

/// The two polynomials of an opening proof, between challenges.
pub(crate) struct Opening {
    sets: Vec<Set>,
    points: Vec<Fr>,
    quotient: Vec<Fr>,
    v: Fr,
}

impl Opening {
    /// Combines the polynomials with `y` and the sets with `v`.
    pub(crate) fn new(polynomials: &[Opened<'_>], points: &[Fr], y: Fr, v: Fr) -> Self {
        let mut groups: Vec<(Vec<usize>, Vec<&Opened<'_>>)> = Vec::new();
        for polynomial in polynomials {
            match groups
                .iter_mut()
                .find(|(points, _)| *points == polynomial.points)
            {
                Some((_, group)) => group.push(polynomial),
                None => groups.push((polynomial.points.clone(), vec![polynomial])),
            }
        }
        let sets: Vec<Set> = groups
            .into_iter()
            .map(|(indices, group)| combine(indices, &group, points, y))
            .collect();
        let quotients: Vec<Vec<Fr>> = sets
            .par_iter()
            .map(|set| {
                let mut numerator = set.combined.clone();
                for (coefficient, remainder) in numerator.iter_mut().zip(&set.remainder) {
                    *coefficient -= remainder;
                }
                for &point in &set.points {
                    divide(&mut numerator, points[point]);
                }
                numerator
            })
            .collect();
        let quotient = weighted_sum(&quotients, &powers(v, Fr::ONE, sets.len()));
        Self {
            sets,
            points: points.to_vec(),
            quotient,
            v,
        }
    }

    /// `h`, to be committed before `u` is drawn; natural order.
    pub(crate) fn quotient(&self) -> &[Fr] {
        &self.quotient
    }

    /// The second polynomial, `L / (X - u)` normalised by the first set; `None` if `u` is one of
    /// the points.
    pub(crate) fn linearisation(self, u: Fr) -> Option<Vec<Fr>> {
        let vanishing = |points: &mut dyn Iterator<Item = usize>| -> Fr {
            points.map(|point| u - self.points[point]).product()
        };
        let all = vanishing(&mut (0..self.points.len()));
        let mut scales = Vec::with_capacity(self.sets.len());
        for set in &self.sets {
            let others = &mut (0..self.points.len()).filter(|p| !set.points.contains(p));
            scales.push(vanishing(others));
        }
        let weights: Vec<Fr> = powers(self.v, Fr::ONE, self.sets.len())
            .iter()
            .zip(&scales)
            .map(|(power, scale)| power * scale)
            .collect();
        let inverse = Option::<Fr>::from(scales.first()?.invert())?;
        let constant: Fr = self
            .sets
            .iter()
            .zip(&weights)
            .map(|(set, weight)| evaluate(&set.remainder, u) * weight)
            .sum();
        let combined: Vec<Vec<Fr>> = self.sets.into_iter().map(|set| set.combined).collect();
        let mut linear = weighted_sum(&combined, &weights);
        linear[0] -= constant;
        linear
            .par_iter_mut()
            .zip(&self.quotient)
            .for_each(|(coefficient, quotient)| {
                *coefficient = (*coefficient - *quotient * all) * inverse
            });
        divide(&mut linear, u);
        Some(linear)
    }
}

fn combine(indices: Vec<usize>, group: &[&Opened<'_>], points: &[Fr], y: Fr) -> Set {
    let powers = powers(y, Fr::ONE, group.len());
    let coefficients: Vec<&[Fr]> = group.iter().map(|p| p.coefficients).collect();
    let mut combined = weighted_sum(&coefficients, &powers);
    reverse(&mut combined);
    let own: Vec<Fr> = indices.iter().map(|&point| points[point]).collect();
    let values: Vec<Fr> = (0..own.len())
        .map(|i| {
            group
                .iter()
                .zip(&powers)
                .map(|(p, power)| p.values[i] * power)
                .sum()
        })
        .collect();
    Set {
        points: indices,
        combined,
        remainder: interpolate(&own, &values),
    }
}

/// `sum of weight * polynomial`, in parallel over coefficients.
fn weighted_sum<P: AsRef<[Fr]> + Sync>(polynomials: &[P], weights: &[Fr]) -> Vec<Fr> {
    const CHUNK: usize = 1 << 10;
    let size = polynomials.first().map_or(0, |p| p.as_ref().len());
    let mut sum = vec![Fr::ZERO; size];
    sum.par_chunks_mut(CHUNK)
        .enumerate()
        .for_each(|(index, chunk)| {
            for (polynomial, weight) in polynomials.iter().zip(weights) {
                let part = &polynomial.as_ref()[index * CHUNK..][..chunk.len()];
                for (sum, coefficient) in chunk.iter_mut().zip(part) {
                    *sum += *coefficient * weight;
                }
            }
        });
    sum
}

/// Divides by `X - root` in place, dropping the remainder; the top coefficient becomes zero.
fn divide(coefficients: &mut [Fr], root: Fr) {
    let mut carry = Fr::ZERO;
    for coefficient in coefficients.iter_mut().rev() {
        let next = *coefficient + carry * root;
        *coefficient = carry;
        carry = next;
    }
}

fn evaluate(coefficients: &[Fr], point: Fr) -> Fr {
    coefficients
        .iter()
        .rev()
        .fold(Fr::ZERO, |value, coefficient| value * point + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interpolation_and_division() {
        let points: Vec<Fr> = (3..8).map(Fr::from).collect();
        let values: Vec<Fr> = (0..5).map(|i| Fr::from(i * i + 1).cube()).collect();
        let polynomial = interpolate(&points, &values);
        for (point, value) in points.iter().zip(&values) {
            assert_eq!(evaluate(&polynomial, *point), *value);
        }
        let mut divided = polynomial.clone();
        divided[0] -= values[0];
        divide(&mut divided, points[0]);
        let at = Fr::from(99);
        assert_eq!(
            evaluate(&divided, at) * (at - points[0]),
            evaluate(&polynomial, at) - values[0]
        );
    }
}
