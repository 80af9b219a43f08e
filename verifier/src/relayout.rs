//! A relayout: the deviates of initialization tiles are the weights of an inference.

use crate::batch::verify_proof_weights;
use crate::bundle::MAX_PROOF_BYTES;
use crate::codec::Format;
use crate::digest::{Digest32, tagged};
use crate::link::ProvedWeights;
use crate::proof::ProofError;
use crate::srs::Srs;
use crate::statement::transcript_prefix;
use crate::vk::VerifyingKey;
use alloc::vec::Vec;
use serde::{Deserialize, Serialize};

/// Most tiles of one relayout.
pub const MAX_TILES: usize = 1 << 10;
/// Most columns of one kind: lanes of all tiles, parameters of the inference.
pub const MAX_COLUMNS: u32 = 1 << 12;

/// A tile whose lanes are columns of the proof.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RelayoutTile {
    /// Position of the stream in the model.
    pub stream: u16,
    /// Position of the tile in the stream.
    pub index: u64,
    /// Lanes of the tile.
    pub lanes: u32,
}

/// What a relayout is about. The proof is bound to all of it.
///
/// The key's lists of weight columns are the lanes of each tile, in order, then the parameter columns
/// of the inference: matrices and vectors.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayoutStatement {
    /// Digest of the model specification whose streams the tiles belong to.
    pub model: Digest32,
    /// Digest of the architecture whose inference has the weights.
    pub architecture: Digest32,
    /// Digest of the list that says which weight is which deviate.
    pub origins: Digest32,
    /// All circuits have `2^k` rows: this one, the tiles, the inference.
    pub k: u8,
    /// Tiles, by stream and index.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_TILES>")]
    pub tiles: Vec<RelayoutTile>,
    /// Parameter columns of the inference.
    pub weights: u32,
}

impl RelayoutStatement {
    /// Digest of the statement.
    pub fn digest(&self) -> Digest32 {
        let mut tiles = Vec::new();
        for tile in &self.tiles {
            tiles.extend_from_slice(&tile.stream.to_be_bytes());
            tiles.extend_from_slice(&tile.index.to_be_bytes());
            tiles.extend_from_slice(&tile.lanes.to_be_bytes());
        }
        let parts: [&[u8]; 6] = [
            &self.model,
            &self.architecture,
            &self.origins,
            &[self.k],
            &self.weights.to_be_bytes(),
            &tiles,
        ];
        tagged("nascent relayout statement v1", &parts)
    }

    /// The first word of the proof's transcript.
    pub fn transcript_prefix(&self, vk: &Digest32, srs: &Digest32) -> Digest32 {
        transcript_prefix(vk, srs, &self.digest())
    }

    /// Columns of the tiles' lanes together.
    fn lanes(&self) -> u32 {
        let lanes = self.tiles.iter().map(|tile| tile.lanes);
        lanes.fold(0, u32::saturating_add)
    }

    fn validate(&self) -> Result<(), RelayoutError> {
        let rising = |pair: &[RelayoutTile]| match pair {
            [a, b] => (a.stream, a.index) < (b.stream, b.index),
            _ => false,
        };
        if self.tiles.is_empty() || !self.tiles.windows(2).all(rising) {
            return Err(RelayoutError::Tiles);
        }
        let columns = self.lanes().max(self.weights);
        if columns > MAX_COLUMNS {
            return Err(RelayoutError::TooManyColumns {
                limit: MAX_COLUMNS,
                got: columns,
            });
        }
        Ok(())
    }
}

/// A relayout with its proof.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RelayoutBundle {
    /// What is proved.
    pub statement: RelayoutStatement,
    /// Digest of the verifying key.
    pub vk_digest: Digest32,
    /// Digest of the SRS the proof is made with.
    pub srs_digest: Digest32,
    /// Proof bytes.
    #[serde(with = "crate::codec::bytes")]
    pub proof: Vec<u8>,
}

impl RelayoutBundle {
    /// The first word of the proof's transcript.
    pub fn transcript_prefix(&self) -> Digest32 {
        self.statement
            .transcript_prefix(&self.vk_digest, &self.srs_digest)
    }
}

impl Format for RelayoutBundle {
    const MAGIC: [u8; 8] = *b"nsc.rlay";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 1 << 20;
    type Error = RelayoutError;

    fn validate(&self) -> Result<(), RelayoutError> {
        if self.proof.len() > MAX_PROOF_BYTES {
            return Err(RelayoutError::ProofTooLarge {
                limit: MAX_PROOF_BYTES,
                got: self.proof.len(),
            });
        }
        self.statement.validate()
    }
}

/// Why a relayout is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayoutError {
    /// A proof longer than any key allows.
    #[error("the proof has {got} bytes, limit {limit}")]
    ProofTooLarge {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// No tiles, or tiles that are not listed once each in order.
    #[error("tiles are not listed by rising stream and index")]
    Tiles,
    /// Another verifying key.
    #[error("the proof is for another verifying key")]
    Key {
        /// Digest in the bundle.
        expected: Digest32,
        /// Digest of the key given.
        got: Digest32,
    },
    /// Another SRS.
    #[error("the proof is for another SRS")]
    Srs {
        /// Digest in the bundle.
        expected: Digest32,
        /// Digest of the SRS given.
        got: Digest32,
    },
    /// The key's circuit has another size than the statement.
    #[error("the key has 2^{got} rows, the statement says 2^{expected}")]
    Size {
        /// `k` of the statement.
        expected: u8,
        /// `k` of the key.
        got: u8,
    },
    /// More columns than any key has.
    #[error("the statement has {got} columns of one kind, limit {limit}")]
    TooManyColumns {
        /// Most columns.
        limit: u32,
        /// Columns of the statement.
        got: u32,
    },
    /// The key's lists of columns are not those of the statement.
    #[error("the key's list {list} has {got} columns, the statement says {expected}")]
    Columns {
        /// Position: one list for each tile, then that of the weights.
        list: usize,
        /// Columns of the statement.
        expected: u32,
        /// Columns of the key's list; 0 if it has no such list.
        got: usize,
    },
    /// The key is another statement's.
    #[error("the verifying key is that of another statement")]
    Statement,
    /// The proof itself.
    #[error(transparent)]
    Proof(#[from] ProofError),
}

/// What [`verify_relayout`] established.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RelayoutReport {
    /// Identity of the SRS.
    pub srs_digest: Digest32,
    /// Whether the SRS is the development one, under which anyone can forge.
    pub development_srs: bool,
}

/// The columns of a relayout that holds, for links.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RelayoutColumns {
    /// Lanes of each tile, in the order of the statement.
    pub tiles: Vec<ProvedWeights>,
    /// Parameters of the inference.
    pub weights: ProvedWeights,
}

/// Checks that the weights behind the proof's commitments are the deviates behind its other
/// commitments, element by element.
///
/// The key says which statement it is of; that it is honest is the caller's to know: derive it again,
/// or take it from whom you trust. The proof says nothing about other proofs by itself: link its columns
/// ([`verify_relayout_columns`]) to those of the tiles and of the inference, whose proofs also bound
/// the cells.
///
/// # Errors
///
/// If key or SRS are others than the bundle's, the statement does not fit the key, or the proof
/// does not hold.
pub fn verify_relayout(
    bundle: &RelayoutBundle,
    vk: &VerifyingKey,
    srs: &Srs,
) -> Result<RelayoutReport, RelayoutError> {
    verify_relayout_columns(bundle, vk, srs).map(|(report, _)| report)
}

/// [`verify_relayout`], which also hands out the columns, for links.
///
/// # Errors
///
/// As [`verify_relayout`].
pub fn verify_relayout_columns(
    bundle: &RelayoutBundle,
    vk: &VerifyingKey,
    srs: &Srs,
) -> Result<(RelayoutReport, RelayoutColumns), RelayoutError> {
    bundle.validate()?;
    if *vk.digest() != bundle.vk_digest {
        return Err(RelayoutError::Key {
            expected: bundle.vk_digest,
            got: *vk.digest(),
        });
    }
    let identity = srs.digest();
    if identity != bundle.srs_digest {
        return Err(RelayoutError::Srs {
            expected: bundle.srs_digest,
            got: identity,
        });
    }
    check_shape(&bundle.statement, vk)?;
    let prefix = bundle.transcript_prefix();
    let mut tiles = verify_proof_weights(vk, srs, &prefix, &[], &bundle.proof)?;
    // `check_shape` has seen that there are lists.
    let weights = tiles.pop().ok_or(RelayoutError::Tiles)?;
    let report = RelayoutReport {
        srs_digest: identity,
        development_srs: srs.is_development(),
    };
    Ok((report, RelayoutColumns { tiles, weights }))
}

/// Size and lists of the key are those of the statement.
fn check_shape(statement: &RelayoutStatement, vk: &VerifyingKey) -> Result<(), RelayoutError> {
    let got = vk.data().k;
    if got != statement.k {
        let expected = statement.k;
        return Err(RelayoutError::Size { expected, got });
    }
    let columns = |list: usize| {
        let of_list = u16::try_from(list).ok().and_then(|list| vk.weights(list));
        of_list.map_or(0, |weights| weights.columns.len())
    };
    let lanes = statement.tiles.iter().map(|tile| tile.lanes);
    for (list, expected) in lanes.chain([statement.weights]).enumerate() {
        let got = columns(list);
        if usize::try_from(expected) != Ok(got) || got == 0 {
            return Err(RelayoutError::Columns {
                list,
                expected,
                got,
            });
        }
    }
    if vk.subject() != Some(&statement.digest()) {
        return Err(RelayoutError::Statement);
    }
    Ok(())
}
