//! Commitments to the weights of tiles, and the links of their proofs to them.

use nascent_params::Srs;
use nascent_verifier::codec::{Format, FormatError};
use nascent_verifier::link::{
    CommitmentError, CommittedTo, Link, LinkError, LinkKeyError, PartData, TAIL, TailPoints,
};
use nascent_verifier::{
    CommitmentData, Digest32, Links, ProvedWeights, Srs as VerifierSrs, VerifyingKey,
    WeightCommitment,
};
use rand_core::{CryptoRng, RngCore};
use serde::{Deserialize, Serialize};

use crate::link::{Blinding, Columns, Committer, OpenError, Opening, ProveLinkError, Proved};

/// Why a tile has no commitment or no link.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TileLinkError {
    /// The weights cannot be committed.
    #[error(transparent)]
    Commit(#[from] OpenError),
    /// The tail points cannot be made.
    #[error("tail: {0}")]
    Tail(#[from] LinkKeyError),
    /// There is no link.
    #[error(transparent)]
    Prove(#[from] ProveLinkError),
    /// The commitment is not valid.
    #[error(transparent)]
    Commitment(#[from] FormatError<CommitmentError>),
    /// The link does not hold.
    #[error(transparent)]
    Link(#[from] LinkError),
    /// It was made with another secret, or is about another tile.
    #[error("of another {what}")]
    Foreign {
        /// What differs.
        what: &'static str,
    },
}

/// A tile's commitment and the link of its proof, as they are kept in the job's directory.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct LinkedTile {
    tail: TailPoints,
    part: PartData,
    link: Link,
}

impl Format for LinkedTile {
    const MAGIC: [u8; 8] = *b"nsc.tlnk";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 16 << 10;
    type Error = CommitmentError;

    fn validate(&self) -> Result<(), CommitmentError> {
        Ok(())
    }
}

impl LinkedTile {
    /// Checks that it is what this run would make for a verified proof of `subject`.
    pub(super) fn check(
        &self,
        subject: &CommittedTo,
        opening: &Opening,
        weights: &ProvedWeights,
        srs: &VerifierSrs,
    ) -> Result<(), TileLinkError> {
        let foreign = |what| TileLinkError::Foreign { what };
        if self.part.opening != opening.id() {
            return Err(foreign("secret"));
        }
        if self.part.subject != *subject || self.link.proof != *weights.context() {
            return Err(foreign("tile or proof"));
        }
        let commitment = self.commitment(srs)?;
        let [part] = commitment.parts() else {
            return Err(foreign("shape"));
        };
        if self.link.other != *part.digest() {
            return Err(foreign("commitment"));
        }
        Ok(weights.verify_link(part, &self.link.bytes)?)
    }

    fn commitment(&self, srs: &VerifierSrs) -> Result<WeightCommitment, TileLinkError> {
        let data = CommitmentData {
            srs_digest: srs.digest(),
            tails: vec![self.tail.clone()],
            parts: vec![self.part.clone()],
        };
        Ok(WeightCommitment::new(&data, srs)?)
    }
}

/// Commits and links the tiles of a stream.
pub(super) struct Linker<'s> {
    committer: Committer<'s>,
    srs: &'s Srs,
    tail: TailPoints,
    opening: &'s Opening,
}

impl<'s> Linker<'s> {
    pub(super) fn new(srs: &'s Srs, opening: &'s Opening) -> Result<Self, TileLinkError> {
        let committer = Committer::new(srs, TAIL);
        Ok(Self {
            tail: committer.tail_points()?,
            committer,
            srs,
            opening,
        })
    }

    /// Commits to the cells of a tile's lanes and links its proof.
    pub(super) fn link(
        &self,
        vk: &VerifyingKey,
        subject: CommittedTo,
        cells: &[Vec<i64>],
        weights: &ProvedWeights,
        blinding: &Blinding,
        rng: impl RngCore + CryptoRng,
    ) -> Result<LinkedTile, TileLinkError> {
        let columns = Columns {
            subject,
            vk_digest: *vk.digest(),
        };
        let mut linked = LinkedTile {
            tail: self.tail.clone(),
            part: PartData {
                subject,
                vk_digest: columns.vk_digest,
                opening: self.opening.id(),
                tail: 0,
                points: self.committer.commit(&columns, cells, self.opening)?,
            },
            link: Link {
                proof: [0; 32],
                other: [0; 32],
                bytes: Vec::new(),
            },
        };
        let commitment = linked.commitment(self.srs.verifier_srs())?;
        let proved = Proved {
            vk,
            list: 0,
            weights,
            cells,
            blinding,
        };
        let [part] = commitment.parts() else {
            return Err(TileLinkError::Foreign { what: "shape" });
        };
        linked.link = proved.link_to(part, self.opening, rng)?;
        Ok(linked)
    }
}

/// One commitment file and one file of links for all tiles.
pub(super) fn assemble(
    srs_digest: Digest32,
    tiles: impl Iterator<Item = LinkedTile>,
) -> (CommitmentData, Links) {
    let mut data = CommitmentData {
        srs_digest,
        tails: Vec::new(),
        parts: Vec::new(),
    };
    let mut links = Links::default();
    let mut sizes = Vec::new();
    for tile in tiles {
        sizes.push(tile.tail.k);
        if data.tails.iter().all(|tail| tail.k != tile.tail.k) {
            data.tails.push(tile.tail);
        }
        data.parts.push(tile.part);
        links.links.push(tile.link);
    }
    data.tails.sort_by_key(|tail| tail.k);
    for (part, k) in data.parts.iter_mut().zip(sizes) {
        let tail = data.tails.iter().position(|tail| tail.k == k);
        // At most one for each size.
        part.tail = tail
            .and_then(|tail| u8::try_from(tail).ok())
            .unwrap_or(u8::MAX);
    }
    (data, links)
}
