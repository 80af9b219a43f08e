//! One proof: from transcript to a pair of points left for the pairing.
//!
//! [`reduce`] does everything but curve arithmetic. What is left to check is
//! `e(left, [tau]_2) = e(right, [1]_2)`, with `left` one point of the proof and
//! `right` a combination of points of the proof, of the key and the generator.

use crate::digest::Digest32;
use crate::instance;
use crate::openings::{self, OpeningChallenges};
use crate::proof::{Proof, ProofError};
use crate::quotient;
use crate::transcript::Transcript;
use crate::vk::VerifyingKey;
use crate::workers::Workers;
use alloc::vec::Vec;
use ark_bn254::{Fr, G1Affine};
use ark_ff::{AdditiveGroup, Field};

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

/// The challenges of the argument itself, in the order they are drawn.
pub(crate) struct Challenges {
    /// Those of the circuit's phases, by index.
    pub(crate) circuit: Vec<Fr>,
    pub(crate) beta: Fr,
    pub(crate) gamma: Fr,
    /// Folds the constraints.
    pub(crate) y: Fr,
    /// Where everything is evaluated.
    pub(crate) x: Fr,
}

/// Checks a proof up to the pairing.
pub(crate) fn reduce(
    vk: &VerifyingKey,
    prefix: &Digest32,
    instances: &[Vec<Fr>],
    proof: &Proof,
    workers: &impl Workers,
) -> Result<Reduced, ProofError> {
    check_instances(vk, instances)?;
    let (challenges, opening, digest) = replay(vk, prefix, instances, proof)?;
    let lagrange = Lagrange::new(vk, challenges.x)?;
    let instance = instance::evaluate(vk, &lagrange, challenges.x, instances, workers)?;
    let expected = quotient::expected(vk, &challenges, &lagrange, &instance, proof)?;
    openings::combine(
        vk,
        &challenges,
        &opening,
        &lagrange,
        expected,
        proof,
        digest,
    )
}

fn check_instances(vk: &VerifyingKey, instances: &[Vec<Fr>]) -> Result<(), ProofError> {
    let rows = &vk.data().instance_rows;
    if rows.len() != instances.len() {
        return Err(ProofError::Instance {
            column: rows.len(),
            expected: rows.len(),
            got: instances.len(),
        });
    }
    for (column, (&rows, values)) in rows.iter().zip(instances).enumerate() {
        let expected = usize::try_from(rows).unwrap_or(usize::MAX);
        if values.len() != expected {
            return Err(ProofError::Instance {
                column,
                expected,
                got: values.len(),
            });
        }
    }
    Ok(())
}

/// Replays the transcript as the library's prover ran it.
fn replay(
    vk: &VerifyingKey,
    prefix: &Digest32,
    instances: &[Vec<Fr>],
    proof: &Proof,
) -> Result<(Challenges, OpeningChallenges, Digest32), ProofError> {
    let mut transcript = Transcript::new(prefix);
    for value in instances.iter().flatten() {
        transcript.scalar(value);
    }
    let mut points = proof.points.iter();
    let mut absorb = |transcript: &mut Transcript, count: usize| {
        for point in points.by_ref().take(count) {
            transcript.point(point);
        }
    };

    let mut circuit = alloc::vec![Fr::ZERO; vk.data().challenge_phases.len()];
    for (phase, columns) in vk.layout.phases.iter().enumerate() {
        absorb(&mut transcript, columns.len());
        for (challenge, &of) in circuit.iter_mut().zip(&vk.data().challenge_phases) {
            if usize::from(of) == phase {
                *challenge = transcript.challenge();
            }
        }
    }
    // The challenge of the library's lookup argument, which no key here has.
    let _theta = transcript.challenge();
    let beta = transcript.challenge();
    let gamma = transcript.challenge();
    let (_, products) = vk.layout.products;
    absorb(&mut transcript, products + 1);
    let y = transcript.challenge();
    let (_, pieces) = vk.layout.pieces;
    absorb(&mut transcript, pieces);
    let x = transcript.challenge();
    for evaluation in &proof.evaluations {
        transcript.scalar(evaluation);
    }
    let set_y = transcript.challenge();
    let v = transcript.challenge();
    absorb(&mut transcript, 1);
    let u = transcript.challenge();
    absorb(&mut transcript, 1);

    let challenges = Challenges {
        circuit,
        beta,
        gamma,
        y,
        x,
    };
    let opening = OpeningChallenges { y: set_y, v, u };
    Ok((challenges, opening, transcript.finish()))
}

/// Lagrange polynomials at `x`, at the rows that the key asks for.
pub(crate) struct Lagrange {
    /// In the order of the key's `lagrange` rows.
    pub(crate) values: Vec<Fr>,
    /// `x^n`.
    pub(crate) x_to_rows: Fr,
    /// `1 / (x^n - 1)`.
    pub(crate) inverse_vanishing: Fr,
    /// `(x^n - 1) / n`.
    pub(crate) scale: Fr,
}

impl Lagrange {
    /// `l_i(x) = omega^i (x^n - 1) / (n (x - omega^i))`.
    fn new(vk: &VerifyingKey, x: Fr) -> Result<Self, ProofError> {
        let mut x_to_rows = x;
        for _ in 0..vk.data().k {
            x_to_rows.square_in_place();
        }
        let vanishing = x_to_rows - Fr::ONE;
        let omegas = &vk.lagrange.omegas;
        let mut inverses: Vec<Fr> = omegas.iter().map(|omega| x - omega).collect();
        inverses.push(vanishing);
        if x == Fr::ZERO || inverses.contains(&Fr::ZERO) {
            return Err(ProofError::DegenerateChallenge);
        }
        ark_ff::batch_inversion(&mut inverses);
        let inverse_vanishing = inverses.pop().unwrap_or_default();
        let scale = vanishing * vk.inverse_rows;
        let values = inverses
            .iter()
            .zip(omegas)
            .map(|(inverse, omega)| *inverse * omega * scale)
            .collect();
        Ok(Self {
            values,
            x_to_rows,
            inverse_vanishing,
            scale,
        })
    }
}

/// A checked look-up: a decoded key never points outside.
pub(crate) fn at<T: Copy>(list: &[T], index: usize) -> Result<T, ProofError> {
    list.get(index).copied().ok_or(ProofError::InconsistentKey)
}
