//! The opening check (SHPLONK, <https://eprint.iacr.org/2020/081>), reduced to
//! one pairing equation.
//!
//! Commitments are grouped into sets `i` opened at the same points `S_i`. With
//! `r_j` the polynomial through commitment `j`'s evaluations,
//! `Z_i(X) = prod over S_i (X - p)` and `Z(X)` the same over all points, the
//! prover's first point commits to
//! `h(X) = sum_i v^i sum_j y^j (f_j(X) - r_j(X)) / Z_i(X)`, and its second one to
//! `L(X) / (X - u)` with, everything divided by `Z(u) / Z_0(u)`,
//! `L(X) = sum_i v^i (Z_0(u) / Z_i(u)) sum_j y^j (f_j(X) - r_j(u)) - Z_0(u) h(X)`.

use crate::challenges::{Challenges, Lagrange, at};
use crate::digest::Digest32;
use crate::proof::{Proof, ProofError};
use crate::vk::{OpeningSet, Source, VerifyingKey};
use alloc::vec;
use alloc::vec::Vec;
use ark_bn254::{Fr, G1Affine};
use ark_ff::{AdditiveGroup, Field};

/// The challenges of the opening, in the order they are drawn.
pub(crate) struct OpeningChallenges {
    /// Combines the commitments of a set.
    pub(crate) y: Fr,
    /// Combines the sets.
    pub(crate) v: Fr,
    /// Where the combination is opened.
    pub(crate) u: Fr,
}

/// A proof reduced to a pairing equation between combinations of points.
#[derive(Debug, Clone)]
pub(crate) struct Reduced {
    /// The point paired with `[tau]_2`.
    pub(crate) left: G1Affine,
    /// Scalars and points of the proof, paired with `[1]_2`.
    pub(crate) own: Vec<(Fr, G1Affine)>,
    /// Scalars of the key's commitments.
    pub(crate) key: Vec<Fr>,
    /// Scalar of the generator.
    pub(crate) generator: Fr,
    /// Digest of the transcript: of key, SRS, statement and every proof byte.
    pub(crate) digest: Digest32,
}

/// Reduces all openings of a proof to one pairing equation.
pub(crate) fn combine(
    vk: &VerifyingKey,
    challenges: &Challenges,
    opening: &OpeningChallenges,
    lagrange: &Lagrange,
    expected_quotient: Fr,
    proof: &Proof,
    digest: Digest32,
) -> Result<Reduced, ProofError> {
    let points: Vec<Fr> = vk
        .opening_omegas
        .iter()
        .map(|omega| challenges.x * omega)
        .collect();
    let weights = SetWeights::all(&vk.openings.sets, &points, opening.u)?;
    let mut evaluations = proof.evaluations.clone();
    evaluations.push(expected_quotient);

    let mut own = vec![Fr::ZERO; proof.points.len()];
    let mut key = vec![Fr::ZERO; vk.commitments.len()];
    let mut constant = Fr::ZERO;
    let mut power_of_v = Fr::ONE;
    for (set, weights) in vk.openings.sets.iter().zip(&weights) {
        let mut scalar = power_of_v * weights.scale;
        for opening_of in &set.openings {
            let mut value = Fr::ZERO;
            for (&index, basis) in opening_of.evaluations.iter().zip(&weights.basis) {
                value += at(&evaluations, index)? * basis;
            }
            constant += scalar * value;
            match opening_of.source {
                Source::Proof(point) => add(&mut own, point, scalar)?,
                Source::Key(commitment) => add(&mut key, commitment, scalar)?,
                Source::Quotient => {
                    let (first, count) = vk.layout.pieces;
                    let mut scalar = scalar;
                    for piece in first..first + count {
                        add(&mut own, piece, scalar)?;
                        scalar *= lagrange.x_to_rows;
                    }
                }
            }
            scalar *= opening.y;
        }
        power_of_v *= opening.v;
    }
    // f - r(u) - Z_0(u) h + u w, with w the second point of the opening.
    let vanishing = weights.first().map_or(Fr::ONE, |first| first.vanishing);
    let quotient = proof.points.len().saturating_sub(2);
    let witness = proof.points.len().saturating_sub(1);
    add(&mut own, quotient, -vanishing)?;
    add(&mut own, witness, opening.u)?;
    Ok(Reduced {
        left: at(&proof.points, witness)?,
        own: own.into_iter().zip(proof.points.iter().copied()).collect(),
        key,
        generator: -constant,
        digest,
    })
}

fn add(list: &mut [Fr], index: usize, scalar: Fr) -> Result<(), ProofError> {
    let slot = list.get_mut(index).ok_or(ProofError::InconsistentKey)?;
    *slot += scalar;
    Ok(())
}

/// What a set contributes, at `u`.
struct SetWeights {
    /// Lagrange basis of the set's points at `u`.
    basis: Vec<Fr>,
    /// `Z_i(u)`.
    vanishing: Fr,
    /// `Z_0(u) / Z_i(u)`.
    scale: Fr,
}

impl SetWeights {
    /// All sets with one inversion.
    fn all(sets: &[OpeningSet], points: &[Fr], u: Fr) -> Result<Vec<Self>, ProofError> {
        // Per set: Z_i(u), then (u - p_j) prod_(l != j) (p_j - p_l) for each j.
        let mut inverses = Vec::new();
        let mut vanishings = Vec::with_capacity(sets.len());
        for set in sets {
            let own = set
                .points
                .iter()
                .map(|&point| at(points, point))
                .collect::<Result<Vec<_>, _>>()?;
            let vanishing: Fr = own.iter().map(|point| u - point).product();
            vanishings.push(vanishing);
            inverses.push(vanishing);
            for (j, point) in own.iter().enumerate() {
                let others = own.iter().enumerate().filter(|&(l, _)| l != j);
                let differences: Fr = others.map(|(_, other)| *point - other).product();
                inverses.push((u - point) * differences);
            }
        }
        if inverses.contains(&Fr::ZERO) {
            return Err(ProofError::DegenerateChallenge);
        }
        ark_ff::batch_inversion(&mut inverses);
        let first = vanishings.first().copied().unwrap_or(Fr::ONE);
        let mut inverses = inverses.into_iter();
        let mut weights = Vec::with_capacity(sets.len());
        for (set, vanishing) in sets.iter().zip(vanishings) {
            let scale = first * inverses.next().ok_or(ProofError::InconsistentKey)?;
            let basis = inverses
                .by_ref()
                .take(set.points.len())
                .map(|inverse| inverse * vanishing)
                .collect();
            weights.push(Self {
                basis,
                vanishing,
                scale,
            });
        }
        Ok(weights)
    }
}
