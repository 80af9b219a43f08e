//! One proof: from transcript to a pair of points left for the pairing.
//!
//! [`reduce`] does everything but curve arithmetic. What is left to check is
//! `e(left, [tau]_2) = e(right, [1]_2)`, with `left` one point of the proof and
//! `right` a combination of points of the proof, of the key and the generator.

use crate::challenges::{Challenges, Lagrange};
use crate::digest::Digest32;
use crate::instance;
use crate::openings::{self, OpeningChallenges, Reduced};
use crate::proof::{Proof, ProofError};
use crate::quotient;
use crate::transcript::Transcript;
use crate::vk::VerifyingKey;
use crate::workers::Workers;
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::AdditiveGroup;

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
