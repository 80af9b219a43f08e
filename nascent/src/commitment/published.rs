//! Published commitments: what proofs are linked to.

use crate::error::{Failure, Kind};
use nascent_verifier::codec::FormatError;
use nascent_verifier::link::{CommitmentError as DataError, CommittedTo, LinkError, Part};
use nascent_verifier::{CommitmentData, Digest32, Links, ProvedWeights, Srs, WeightCommitment};
use std::collections::BTreeMap;

/// Why a proof is not linked to a commitment.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitmentError {
    /// The commitment is not valid, or of another SRS.
    #[error("the commitment: {0}")]
    Data(#[from] FormatError<DataError>),
    /// It is to something else.
    #[error("the commitment: it is about other weights")]
    OtherWeights,
    /// The proof's key names no weights.
    #[error("the proof's key names no weights")]
    NoWeights,
    /// There is no link.
    #[error("there is no link between the proof and the commitment")]
    NoLink,
    /// A link that does not hold.
    #[error("the link to the commitment: {0}")]
    Link(#[from] LinkError),
    /// Tiles of one plan beside another's.
    #[error("the commitment: it is to tiles of several plans or beacon values")]
    SeveralPlans,
    /// Tiles of another plan than the caller's.
    #[error("the commitment: its tiles are another plan's")]
    OtherPlan,
    /// Tiles of another beacon value than the caller's.
    #[error("the commitment: its tiles are of another beacon value")]
    OtherBeacon,
}

impl Failure for CommitmentError {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Data(_) => None,
            _ => Some(
                "the proof may hold, but for other weights than the ones that were published"
                    .to_owned(),
            ),
        }
    }
}

/// Whose tiles a commitment is to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TilesOf {
    /// Digest of the plan.
    pub plan: Digest32,
    /// Digest of the beacon value.
    pub beacon: Digest32,
}

/// What a verifier was given to link proofs to.
#[derive(Debug)]
pub struct Published {
    commitment: WeightCommitment,
    /// By context of the proof, and digest of the part.
    links: BTreeMap<(Digest32, Digest32), Vec<u8>>,
}

impl Published {
    /// A commitment, and links of proofs to it.
    ///
    /// # Errors
    /// The commitment is not valid, or of another SRS.
    pub fn new(data: &CommitmentData, links: Links, srs: &Srs) -> Result<Self, CommitmentError> {
        let links = links.links.into_iter();
        let links = links.map(|link| ((link.proof, link.other), link.bytes));
        Ok(Self {
            commitment: WeightCommitment::new(data, srs)?,
            links: links.collect(),
        })
    }

    /// Identity of the commitment.
    pub fn digest(&self) -> &Digest32 {
        self.commitment.digest()
    }

    /// Checks that a proof's weights are the committed ones.
    ///
    /// # Errors
    /// They are not, or nothing shows it.
    pub fn check(
        &self,
        subject: &CommittedTo,
        weights: Option<&ProvedWeights>,
    ) -> Result<(), CommitmentError> {
        let part = self.part(subject)?;
        let weights = weights.ok_or(CommitmentError::NoWeights)?;
        Ok(weights.verify_link(part, self.link(part, weights)?)?)
    }

    /// Checks that columns of a relayout are those of the part about such a thing.
    ///
    /// # Errors
    /// They are not, or nothing shows it.
    pub fn check_across(
        &self,
        subject: &CommittedTo,
        weights: &ProvedWeights,
    ) -> Result<(), CommitmentError> {
        let part = self.part(subject)?;
        Ok(weights.verify_link_across(part, self.link(part, weights)?)?)
    }

    /// The part about such a thing.
    fn part(&self, subject: &CommittedTo) -> Result<&Part, CommitmentError> {
        let part = self.commitment.part(subject);
        part.ok_or(CommitmentError::OtherWeights)
    }

    /// The link between a proof's weights and a part.
    fn link(&self, part: &Part, weights: &ProvedWeights) -> Result<&[u8], CommitmentError> {
        let link = self.links.get(&(*weights.context(), *part.digest()));
        link.map(Vec::as_slice).ok_or(CommitmentError::NoLink)
    }

    /// The plan and the beacon value whose tiles the commitment is to; none if it is to no tiles.
    ///
    /// # Errors
    /// Its parts are of several: tiles of one plan beside another's are no plan's weights.
    pub fn tiles_of(&self) -> Result<Option<TilesOf>, CommitmentError> {
        let mut found = None;
        for part in self.commitment.parts() {
            if let CommittedTo::Tile { plan, beacon, .. } = *part.subject() {
                let of = TilesOf { plan, beacon };
                if found.replace(of).is_some_and(|earlier| earlier != of) {
                    return Err(CommitmentError::SeveralPlans);
                }
            }
        }
        Ok(found)
    }
}
