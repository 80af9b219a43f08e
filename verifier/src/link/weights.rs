//! The weight commitments of a proof that was verified.

use super::certificate::domain_generator;
use super::commitment::Part;
use super::error::LinkError;
use super::key::LinkKey;
use super::{Side, verify_link};
use crate::digest::{Digest32, Tagged, tagged};
use crate::encoding::{scalar_from_bytes, scalar_to_bytes};
use crate::proof::Proof;
use crate::vk::VerifyingKey;
use alloc::vec::Vec;
use ark_bn254::{Fr, G1Affine};

/// Identity of a proof: what its transcript begins with, its public values and its bytes.
pub fn proof_digest(prefix: &Digest32, instances: &[Vec<Fr>], proof: &[u8]) -> Digest32 {
    let mut values = Tagged::new("nascent public values v1");
    for column in instances {
        let rows = u64::try_from(column.len()).unwrap_or(u64::MAX);
        values.update(&rows.to_be_bytes());
        for value in column {
            values.update(&scalar_to_bytes(value));
        }
    }
    tagged("nascent proof v1", &[prefix, &values.finish(), proof])
}

/// One list of weight columns of a proof that holds.
///
/// Only the verification functions make one, after the pairing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProvedWeights {
    pub(super) context: Digest32,
    vk_digest: Digest32,
    pub(super) srs_digest: Digest32,
    pub(super) k: u8,
    /// Whether the key's domain is the canonical one of its size.
    pub(super) canonical_domain: bool,
    /// Random rows at the end.
    pub(super) blinding: u64,
    /// Rows that can carry weights.
    pub(super) rows: u64,
    points: Vec<G1Affine>,
}

impl ProvedWeights {
    /// The weights of list `list` of the key; nothing if the key has no such list.
    ///
    /// Call it for a proof that holds: nothing is checked here.
    pub(crate) fn of_proof(
        vk: &VerifyingKey,
        list: u16,
        srs_digest: &Digest32,
        proof_digest: &Digest32,
        proof: &Proof,
    ) -> Option<Self> {
        let weights = vk.weights(list)?;
        let points = weights.columns.iter();
        let points = points.map(|column| proof.advice(vk, *column));
        let data = vk.data();
        let omega = scalar_from_bytes(&data.omega).ok();
        Some(Self {
            context: side_context(proof_digest, list),
            vk_digest: *vk.digest(),
            srs_digest: *srs_digest,
            k: data.k,
            canonical_domain: omega.is_some() && omega == domain_generator(data.k),
            blinding: u64::from(data.blinding_factors).saturating_add(1),
            rows: weights.rows,
            points: points.collect::<Option<_>>()?,
        })
    }

    /// Weights of no proof.
    #[cfg(test)]
    pub(super) fn for_tests(srs: &crate::srs::Srs, k: u8, points: Vec<G1Affine>) -> Self {
        Self {
            context: [1; 32],
            vk_digest: [0; 32],
            srs_digest: srs.digest(),
            k,
            canonical_domain: true,
            blinding: 3,
            rows: 8,
            points,
        }
    }

    /// Identity of the proof and the list.
    pub fn context(&self) -> &Digest32 {
        &self.context
    }

    /// The commitments, column by column.
    pub fn points(&self) -> &[G1Affine] {
        &self.points
    }

    /// Checks that this proof's weights are the published ones, of the same circuit.
    ///
    /// # Errors
    ///
    /// If the commitment is to another circuit's columns, the tail does not fit the proof, or the
    /// link does not hold.
    pub fn verify_link(&self, part: &Part, link: &[u8]) -> Result<(), LinkError> {
        if *part.vk_digest() != self.vk_digest {
            return Err(LinkError::Circuit);
        }
        self.verify_link_across(part, link)
    }

    /// As [`Self::verify_link`], for a proof of another circuit that has the same columns.
    ///
    /// That its list has the same weight in each cell is the caller's to know.
    ///
    /// # Errors
    ///
    /// If the tail does not fit the proof, or the link does not hold.
    pub fn verify_link_across(&self, part: &Part, link: &[u8]) -> Result<(), LinkError> {
        self.check_tail(part.key())?;
        verify_link(part.key(), &self.side(), &part.side(), link)
    }

    /// Checks that two proofs are about the same weights.
    ///
    /// # Errors
    ///
    /// As [`Self::verify_link_across`].
    pub fn verify_link_to(
        &self,
        other: &Self,
        key: &LinkKey,
        link: &[u8],
    ) -> Result<(), LinkError> {
        self.check_tail(key)?;
        other.check_tail(key)?;
        verify_link(key, &self.side(), &other.side(), link)
    }

    /// The proof as one side of a link.
    pub fn side(&self) -> Side<'_> {
        Side {
            context: self.context,
            points: &self.points,
        }
    }

    /// The tail holds all random rows and no row that carries a weight.
    fn check_tail(&self, key: &LinkKey) -> Result<(), LinkError> {
        if *key.srs_digest() != self.srs_digest {
            return Err(LinkError::Srs);
        }
        if key.k() != self.k || !self.canonical_domain {
            return Err(LinkError::Domain {
                expected: key.k(),
                got: self.k,
            });
        }
        let tail = u64::try_from(key.points().len()).unwrap_or(u64::MAX);
        if self.blinding > tail {
            return Err(LinkError::Blinding {
                limit: tail,
                got: self.blinding,
            });
        }
        if self.rows > key.first_row() {
            return Err(LinkError::WeightRows {
                limit: key.first_row(),
                got: self.rows,
            });
        }
        Ok(())
    }
}

/// Context of a list of a proof.
fn side_context(proof: &Digest32, list: u16) -> Digest32 {
    tagged("nascent proof weights v1", &[proof, &list.to_be_bytes()])
}
