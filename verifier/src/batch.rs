//! Many proofs, one multi-exponentiation, one pairing.
//!
//! Proofs are combined with coefficients that are hashes of all of them, so
//! that false equations cannot cancel. A commitment of a key, and the
//! generator, is multiplied once however many proofs use it.

use crate::digest::{Digest32, tagged};
use crate::link::{ProvedWeights, proof_digest};
use crate::msm::msm;
use crate::openings::Reduced;
use crate::proof::{Proof, ProofError};
use crate::srs::Srs;
use crate::verify::reduce;
use crate::vk::VerifyingKey;
use crate::workers::{Alone, Workers, both};
use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use ark_bn254::{Bn254, Fr, G1Affine, G1Projective, G2Affine};
use ark_ec::pairing::Pairing;
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field};

/// Verifies one proof.
///
/// `instances` holds the values of each instance column, as many as the key
/// says; `prefix` opens the transcript ([`crate::transcript_prefix`]).
pub fn verify_proof(
    vk: &VerifyingKey,
    srs: &Srs,
    prefix: &Digest32,
    instances: &[Vec<Fr>],
    proof: &[u8],
) -> Result<(), ProofError> {
    verify_proof_with(vk, srs, prefix, instances, proof, &Alone)
}

/// [`verify_proof`] by several workers.
pub(crate) fn verify_proof_with(
    vk: &VerifyingKey,
    srs: &Srs,
    prefix: &Digest32,
    instances: &[Vec<Fr>],
    proof: &[u8],
    workers: &impl Workers,
) -> Result<(), ProofError> {
    let (_, reduced) = prepare(vk, prefix, instances, proof, workers)?;
    let mut batch = BatchVerifier::default();
    batch.push(vk, reduced);
    batch
        .finish_with(srs, workers)
        .map_err(|_| ProofError::Pairing)
}

/// [`verify_proof`], which also hands out the lists of weight commitments that the key names.
///
/// # Errors
///
/// As [`verify_proof`].
pub fn verify_proof_weights(
    vk: &VerifyingKey,
    srs: &Srs,
    prefix: &Digest32,
    instances: &[Vec<Fr>],
    proof: &[u8],
) -> Result<Vec<ProvedWeights>, ProofError> {
    verify_proof_weights_with(vk, srs, prefix, instances, proof, &Alone)
}

/// [`verify_proof_weights`] by several workers.
pub(crate) fn verify_proof_weights_with(
    vk: &VerifyingKey,
    srs: &Srs,
    prefix: &Digest32,
    instances: &[Vec<Fr>],
    proof: &[u8],
    workers: &impl Workers,
) -> Result<Vec<ProvedWeights>, ProofError> {
    // Each of the two hashes all public values.
    let (prepared, identity) = both(
        workers,
        || prepare(vk, prefix, instances, proof, workers),
        || proof_digest(prefix, instances, proof),
    );
    let (parsed, reduced) = prepared?;
    let mut batch = BatchVerifier::default();
    batch.push(vk, reduced);
    batch
        .finish_with(srs, workers)
        .map_err(|_| ProofError::Pairing)?;
    let lists = (0..=u16::MAX)
        .map_while(|list| ProvedWeights::of_proof(vk, list, &srs.digest(), &identity, &parsed));
    Ok(lists.collect())
}

/// Parses a proof and checks all of it but the pairing.
pub(crate) fn prepare(
    vk: &VerifyingKey,
    prefix: &Digest32,
    instances: &[Vec<Fr>],
    proof: &[u8],
    workers: &impl Workers,
) -> Result<(Proof, Reduced), ProofError> {
    let proof = Proof::parse(vk, proof)?;
    let reduced = reduce(vk, prefix, instances, &proof, workers)?;
    Ok((proof, reduced))
}

/// Collects proofs, then checks them all at once.
#[derive(Debug, Default)]
pub struct BatchVerifier<'a> {
    keys: Vec<&'a VerifyingKey>,
    by_digest: BTreeMap<Digest32, usize>,
    proofs: Vec<(usize, Reduced)>,
}

impl<'a> BatchVerifier<'a> {
    /// Parses a proof and checks all of it but the pairing.
    pub fn add(
        &mut self,
        vk: &'a VerifyingKey,
        prefix: &Digest32,
        instances: &[Vec<Fr>],
        proof: &[u8],
    ) -> Result<(), ProofError> {
        let (_, reduced) = prepare(vk, prefix, instances, proof, &Alone)?;
        self.push(vk, reduced);
        Ok(())
    }

    /// Takes a proof in of which all but the pairing is checked.
    pub(crate) fn push(&mut self, vk: &'a VerifyingKey, reduced: Reduced) {
        let next = self.keys.len();
        let key = *self.by_digest.entry(*vk.digest()).or_insert(next);
        if key == next {
            self.keys.push(vk);
        }
        self.proofs.push((key, reduced));
    }

    /// Number of proofs collected.
    pub fn len(&self) -> usize {
        self.proofs.len()
    }

    /// Whether no proof was collected.
    pub fn is_empty(&self) -> bool {
        self.proofs.is_empty()
    }

    /// The one pairing for all proofs. An empty batch holds.
    ///
    /// When it fails, the position of a proof that fails alone is looked for,
    /// by halves.
    pub fn finish(&self, srs: &Srs) -> Result<(), BatchError> {
        self.finish_with(srs, &Alone)
    }

    /// [`Self::finish`] by several workers.
    ///
    /// # Errors
    ///
    /// As [`Self::finish`].
    pub fn finish_with(&self, srs: &Srs, workers: &impl Workers) -> Result<(), BatchError> {
        if self.holds(srs, &self.proofs, workers) {
            return Ok(());
        }
        let mut first = 0_usize;
        let mut rest = self.proofs.as_slice();
        while rest.len() > 1 {
            let (low, high) = rest.split_at(rest.len() / 2);
            if self.holds(srs, low, workers) {
                first = first.saturating_add(low.len());
                rest = high;
            } else {
                rest = low;
            }
        }
        Err(BatchError::Pairing { position: first })
    }

    fn holds(&self, srs: &Srs, proofs: &[(usize, Reduced)], workers: &impl Workers) -> bool {
        let coefficients = coefficients(proofs);
        let mut left = Combination::default();
        let mut right = Combination::default();
        let mut generator = Fr::ZERO;
        let mut keys: Vec<Vec<Fr>> = self
            .keys
            .iter()
            .map(|vk| vec![Fr::ZERO; vk.commitments.len()])
            .collect();
        for ((key, reduced), coefficient) in proofs.iter().zip(&coefficients) {
            left.push(*coefficient, reduced.left);
            for (scalar, point) in &reduced.own {
                right.push(*scalar * coefficient, *point);
            }
            generator += reduced.generator * coefficient;
            let shared = keys.get_mut(*key).into_iter().flatten();
            for (sum, scalar) in shared.zip(&reduced.key) {
                *sum += *scalar * coefficient;
            }
        }
        right.push(generator, G1Affine::generator());
        for (vk, scalars) in self.keys.iter().zip(keys) {
            for (point, scalar) in vk.commitments.iter().zip(scalars) {
                right.push(scalar, *point);
            }
        }
        let sides = G1Projective::normalize_batch(&[left.sum(workers), right.sum(workers)]);
        let product = Bn254::multi_pairing(sides, [*srs.tau_g2(), -G2Affine::generator()]);
        product.0 == <Bn254 as Pairing>::TargetField::ONE
    }
}

/// One for the first proof, then 128 bits each of a hash of all proofs.
fn coefficients(proofs: &[(usize, Reduced)]) -> Vec<Fr> {
    let digests: Vec<&[u8]> = proofs
        .iter()
        .map(|(_, reduced)| reduced.digest.as_slice())
        .collect();
    let seed = tagged("nascent batch v1", &digests);
    let mut out = Vec::with_capacity(proofs.len());
    for (index, _) in (0_u64..).zip(proofs) {
        if index == 0 {
            out.push(Fr::ONE);
            continue;
        }
        let hash = tagged(
            "nascent batch coefficient v1",
            &[&seed, &index.to_be_bytes()],
        );
        let low = hash.first_chunk::<16>().copied().unwrap_or_default();
        out.push(Fr::from(u128::from_le_bytes(low)));
    }
    out
}

/// A sum of multiples of points, not yet carried out.
#[derive(Default)]
struct Combination {
    scalars: Vec<Fr>,
    points: Vec<G1Affine>,
}

impl Combination {
    fn push(&mut self, scalar: Fr, point: G1Affine) {
        self.scalars.push(scalar);
        self.points.push(point);
    }

    fn sum(&self, workers: &impl Workers) -> G1Projective {
        msm(&self.scalars, &self.points, workers)
    }
}

/// Why a batch is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BatchError {
    /// The pairing equation does not hold.
    #[error("the pairing check fails: proof {position} of the batch does not hold")]
    Pairing {
        /// Position of a proof that does not hold, in order of `add`.
        position: usize,
    },
}
