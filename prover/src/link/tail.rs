//! The tail points of a size, with their opening.

use ff::{BatchInvert, Field};
use group::Curve;
use halo2curves::bn256::Fr;
use nascent_params::Srs;
use nascent_verifier::encoding::{point_from_bytes, scalar_to_bytes};
use nascent_verifier::link::{LinkKeyError, TailPoints, certificate_challenges};

use super::convert::field_element;
use super::point_bytes;
use crate::plonk::{msm::Bases, root};

/// The points of the last `tail` rows of an SRS: a function of SRS and size alone. `bases` is its
/// Lagrange basis.
///
/// Costs a multi-exponentiation of the size of the SRS.
///
/// # Errors
///
/// If the tail is not shorter than the domain.
pub(super) fn tail_points(
    srs: &Srs,
    bases: &Bases<'_>,
    tail: usize,
) -> Result<TailPoints, LinkKeyError> {
    let rows = 1_usize << srs.k();
    let error = LinkKeyError::Tail {
        limit: rows - 1,
        got: tail,
    };
    let first = rows.checked_sub(tail).filter(|&first| first > 0);
    let first = first.ok_or(error)?;
    let points: Vec<[u8; 32]> = srs.lagrange_from(first).iter().map(point_bytes).collect();
    let parsed = points.iter().enumerate().map(|(index, bytes)| {
        point_from_bytes(bytes).map_err(|source| LinkKeyError::Point { index, source })
    });
    let parsed = parsed.collect::<Result<Vec<_>, _>>()?;
    let k = srs.k() as u8;
    let [mu, x] = certificate_challenges(srs.identity(), k, &parsed);
    let [mu, x] = [mu, x].map(|challenge| field_element(&scalar_to_bytes(&challenge)));
    let quotient = quotient(srs, first, mu, x).ok_or(LinkKeyError::DegenerateChallenge)?;
    let witness = bases.multi_exponentiation(&quotient).to_affine();
    Ok(TailPoints {
        k,
        points,
        witness: point_bytes(&witness),
    })
}

/// Values of `(f(X) - f(x)) / (X - x)` on the domain, for `f = sum_j mu^j l_(first + j)`.
fn quotient(srs: &Srs, first: usize, mu: Fr, x: Fr) -> Option<Vec<Fr>> {
    let rows = 1_usize << srs.k();
    let omega = root(srs.k());
    let roots = std::iter::successors(Some(Fr::ONE), |root| Some(*root * omega));
    let roots: Vec<Fr> = roots.take(rows).collect();
    let mut inverses: Vec<Fr> = roots.iter().map(|root| *root - x).collect();
    if inverses.iter().any(|value| bool::from(value.is_zero())) {
        return None;
    }
    inverses.iter_mut().batch_invert();
    let inverse_rows: Fr = Option::from(Fr::from(rows as u64).invert())?;
    let scale = (Fr::ONE - x.pow_vartime([rows as u64])) * inverse_rows;
    let mut value = Fr::ZERO;
    let mut values = vec![Fr::ZERO; rows];
    let mut power = Fr::ONE;
    for row in first..rows {
        values[row] = power;
        // l_r(x) = omega^r (1 - x^n) / (n (omega^r - x))
        value += power * roots[row] * scale * inverses[row];
        power *= mu;
    }
    for (cell, inverse) in values.iter_mut().zip(&inverses) {
        *cell = (*cell - value) * inverse;
    }
    Some(values)
}
