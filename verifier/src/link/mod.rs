//! Links: two lists of commitments hold the same weights, row by row, but for the blinding.
//!
//! A commitment to a column is `sum_i a_i L_i`, with `L_i = [l_i(tau)]_1` and the last rows random.
//! Two commitments to one column in two proofs differ by a combination of the last rows' points
//! `T_j`, the *tail*. A link shows that its maker knows such a combination for the lists
//! `A_0, .., A_{m-1}` and `B_0, .., B_{m-1}`:
//!
//! ```text
//! D = sum_c lambda^c (A_c - B_c) = sum_j delta_j T_j        lambda: hash of both lists
//! R = sum_j rho_j T_j,   s_j = rho_j + e delta_j            e: hash of that and R
//! checked: sum_j s_j T_j = R + e D
//! ```
//!
//! `32 + 32 t` bytes for a tail of `t` rows, however many columns. What follows from it, and what
//! does not: the book's page on links.

mod certificate;
mod commitment;
mod error;
mod file;
mod key;
mod weights;

#[cfg(test)]
mod tests;

pub use certificate::certificate_challenges;
pub use commitment::{CommitmentData, CommittedTo, Part, PartData, WeightCommitment};
pub use error::{CommitmentError, LinkError, LinkKeyError};
pub use file::{Link, Links, LinksError};
pub use key::{LinkKey, TAIL, TailPoints, tail_rows};
pub use weights::{ProvedWeights, proof_digest};

use crate::digest::{Digest32, tagged};
use crate::encoding::{point_from_bytes, scalar_from_bytes};
use crate::msm::msm;
use crate::transcript::Transcript;
use crate::workers::Alone;
use alloc::vec::Vec;
use ark_bn254::{Fr, G1Affine, G1Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field};

/// Most columns of a list.
pub const MAX_COLUMNS: usize = 1 << 12;

/// A list of commitments, and what they are part of.
#[derive(Debug, Clone, Copy)]
pub struct Side<'a> {
    /// Digest of the proof, or of the published commitment.
    pub context: Digest32,
    /// One commitment for each column.
    pub points: &'a [G1Affine],
}

/// The challenges of a link: the one place where they are computed.
#[derive(Debug, Clone)]
pub struct Exchange {
    transcript: Transcript,
    lambda: Fr,
}

impl Exchange {
    /// Absorbs all that is public and draws `lambda`.
    ///
    /// # Errors
    ///
    /// If the lists differ in length, are empty or too long, or hold the identity.
    pub fn new(key: &LinkKey, first: &Side<'_>, second: &Side<'_>) -> Result<Self, LinkError> {
        let columns = first.points.len();
        if columns != second.points.len() {
            return Err(LinkError::Columns {
                expected: columns,
                got: second.points.len(),
            });
        }
        if columns == 0 || columns > MAX_COLUMNS {
            return Err(LinkError::TooManyColumns {
                limit: MAX_COLUMNS,
                got: columns,
            });
        }
        let mut points = first.points.iter().chain(second.points);
        if let Some(column) = points.position(AffineRepr::is_zero) {
            return Err(LinkError::Identity {
                column: column % columns,
            });
        }
        let columns = u64::try_from(columns).unwrap_or(u64::MAX);
        let prefix = tagged(
            "nascent link v1",
            &[
                key.digest(),
                &first.context,
                &second.context,
                &columns.to_be_bytes(),
            ],
        );
        let mut transcript = Transcript::new(&prefix);
        for point in first.points.iter().chain(second.points) {
            transcript.point(point);
        }
        let lambda = transcript.challenge();
        Ok(Self { transcript, lambda })
    }

    /// The scalar that combines the columns.
    pub fn lambda(&self) -> Fr {
        self.lambda
    }

    /// The challenge for the nonce point `R`.
    pub fn challenge(&self, nonce: &G1Affine) -> Fr {
        let mut transcript = self.transcript.clone();
        transcript.point(nonce);
        transcript.challenge()
    }
}

/// Exact length of a link over this key's tail, in bytes.
pub fn link_len(key: &LinkKey) -> usize {
    key.points().len().saturating_add(1).saturating_mul(32)
}

/// Checks that the maker of the link knows a combination of the key's tail points for the
/// difference of each pair of commitments.
///
/// That the commitments are those of a verified proof is the caller's to know:
/// [`ProvedWeights`] does.
///
/// # Errors
///
/// The first thing found wrong.
pub fn verify_link(
    key: &LinkKey,
    first: &Side<'_>,
    second: &Side<'_>,
    link: &[u8],
) -> Result<(), LinkError> {
    let (nonce, mut scalars) = parse(key, link)?;
    let exchange = Exchange::new(key, first, second)?;
    let challenge = exchange.challenge(&nonce);
    let mut points = key.points().to_vec();
    // sum s_j T_j - R - e sum lambda^c (A_c - B_c)
    scalars.push(-Fr::ONE);
    points.push(nonce);
    let mut power = -challenge;
    for _ in first.points {
        scalars.push(power);
        power *= exchange.lambda;
    }
    points.extend(differences(first.points, second.points));
    if msm(&scalars, &points, &Alone) == G1Projective::ZERO {
        Ok(())
    } else {
        Err(LinkError::Equation)
    }
}

/// `R` and the responses `s_j`.
fn parse(key: &LinkKey, link: &[u8]) -> Result<(G1Affine, Vec<Fr>), LinkError> {
    let (words, _) = link.as_chunks::<32>();
    let expected = link_len(key);
    let (nonce, scalars) = match words.split_first() {
        Some(parts) if link.len() == expected => parts,
        _ => {
            return Err(LinkError::Length {
                expected,
                got: link.len(),
            });
        }
    };
    let nonce = point_from_bytes(nonce).map_err(|source| LinkError::Word { word: 0, source })?;
    if nonce.is_zero() {
        return Err(LinkError::IdentityNonce);
    }
    let scalar =
        |(word, bytes)| scalar_from_bytes(bytes).map_err(|source| LinkError::Word { word, source });
    let scalars = (1..).zip(scalars).map(scalar).collect::<Result<_, _>>()?;
    Ok((nonce, scalars))
}

fn differences(first: &[G1Affine], second: &[G1Affine]) -> Vec<G1Affine> {
    let pairs = first.iter().zip(second);
    let differences: Vec<G1Projective> = pairs.map(|(a, b)| *a - *b).collect();
    G1Projective::normalize_batch(&differences)
}
