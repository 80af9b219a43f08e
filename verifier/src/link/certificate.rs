//! How a verifier without the SRS's powers knows that tail points are the right ones.
//!
//! A point `T` is claimed to be `[l(tau)]_1` for a known polynomial `l`. That is a KZG commitment
//! to a known polynomial, so it is enough to open it at a point drawn after it: polynomials that
//! agree there are equal but for a chance of `2^k / p`. All points are opened at once:
//!
//! ```text
//! mu, x = hash of SRS, k, all T        v = sum_j mu^j l_j(x)
//! e(sum_j mu^j T_j - v [1]_1 + x W, [1]_2) = e(W, [tau]_2)
//! ```

use super::error::LinkKeyError;
use crate::digest::{Digest32, tagged};
use crate::msm::msm;
use crate::srs::Srs;
use crate::transcript::Transcript;
use crate::workers::Alone;
use alloc::vec::Vec;
use ark_bn254::{Bn254, Fr, G1Affine, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, BigInteger, FftField, Field, PrimeField};

/// `mu` and `x`, drawn from the points and all that they claim to be.
pub fn certificate_challenges(srs: &Digest32, k: u8, points: &[G1Affine]) -> [Fr; 2] {
    let tail = u64::try_from(points.len()).unwrap_or(u64::MAX);
    let prefix = tagged("nascent tail v1", &[srs, &[k], &tail.to_be_bytes()]);
    let mut transcript = Transcript::new(&prefix);
    for point in points {
        transcript.point(point);
    }
    [transcript.challenge(), transcript.challenge()]
}

/// Checks the opening of all points.
pub(super) fn check(
    k: u8,
    points: &[G1Affine],
    witness: &G1Affine,
    srs: &Srs,
) -> Result<(), LinkKeyError> {
    let [mu, x] = certificate_challenges(&srs.digest(), k, points);
    let values = lagrange_at(k, points.len(), x).ok_or(LinkKeyError::DegenerateChallenge)?;
    let mut scalars = Vec::with_capacity(points.len().saturating_add(2));
    let mut value = Fr::ZERO;
    let mut power = Fr::ONE;
    for of_row in values {
        value += power * of_row;
        scalars.push(power);
        power *= mu;
    }
    scalars.extend([-value, x]);
    let mut terms = points.to_vec();
    terms.extend([G1Affine::generator(), *witness]);
    let left = msm(&scalars, &terms, &Alone).into_affine();
    let product = Bn254::multi_pairing([left, *witness], [-G2Affine::generator(), *srs.tau_g2()]);
    if product.0 == <Bn254 as Pairing>::TargetField::ONE {
        Ok(())
    } else {
        Err(LinkKeyError::Certificate)
    }
}

/// `l_r(x) = omega^r (x^n - 1) / (n (x - omega^r))` for the last `tail` rows; nothing if `x` is in
/// the domain.
fn lagrange_at(k: u8, tail: usize, x: Fr) -> Option<Vec<Fr>> {
    let omega = domain_generator(k)?;
    let mut power = x;
    let mut rows = Fr::ONE;
    for _ in 0..k {
        power.square_in_place();
        rows.double_in_place();
    }
    let scale = (power - Fr::ONE) * rows.inverse()?;
    // omega^(n - tail): the inverse of omega, tail times.
    let mut root = omega.inverse()?.pow([u64::try_from(tail).ok()?]);
    let mut values = Vec::with_capacity(tail);
    for _ in 0..tail {
        values.push(root * scale * (x - root).inverse()?);
        root *= omega;
    }
    Some(values)
}

/// Generator of the domain of `2^k` rows: a power of 7, as the proof library has it.
pub(super) fn domain_generator(k: u8) -> Option<Fr> {
    let adicity = Fr::TWO_ADICITY;
    let squarings = adicity.checked_sub(u32::from(k))?;
    // (p - 1) / 2^28; the one is lost in the first halving.
    let mut exponent = Fr::MODULUS;
    for _ in 0..adicity {
        exponent.div2();
    }
    let mut omega = Fr::from(7_u64).pow(exponent);
    for _ in 0..squarings {
        omega.square_in_place();
    }
    Some(omega)
}
