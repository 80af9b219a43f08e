//! A published commitment to weights.

use super::MAX_COLUMNS;
use super::Side;
use super::error::CommitmentError;
use super::key::{LinkKey, TailPoints};
use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, tagged};
use crate::encoding::point_from_bytes;
use crate::srs::Srs;
use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;
use ark_bn254::G1Affine;
use ark_ec::AffineRepr;
use serde::{Deserialize, Serialize};

/// Most parts: tiles of a model.
const MAX_PARTS: usize = 1 << 16;
/// One tail for each size.
const MAX_TAILS: usize = 26;

/// What weights are committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum CommittedTo {
    /// All parameters of a quantized model.
    Parameters {
        /// Digest of the architecture.
        architecture: Digest32,
    },
    /// The weights of one tile of an initialization.
    Tile {
        /// [`crate::Plan::digest`].
        plan: Digest32,
        /// [`crate::Beacon::digest`].
        beacon: Digest32,
        /// Index of the stream in the model.
        stream: u16,
        /// Index of the tile in the stream.
        index: u64,
    },
}

impl CommittedTo {
    /// Identity of what is committed.
    pub fn digest(&self) -> Digest32 {
        match self {
            Self::Parameters { architecture } => {
                tagged("nascent committed parameters v1", &[architecture])
            }
            Self::Tile {
                plan,
                beacon,
                stream,
                index,
            } => {
                let (stream, index) = (stream.to_be_bytes(), index.to_be_bytes());
                let parts: [&[u8]; 4] = [plan, beacon, &stream, &index];
                tagged("nascent committed tile v1", &parts)
            }
        }
    }
}

/// Columns that were committed together, as they stand in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartData {
    /// What they hold.
    pub subject: CommittedTo,
    /// The verifying key whose weight columns they are: it fixes which weight stands in which
    /// cell.
    pub vk_digest: Digest32,
    /// Identity of the secret that its maker links and opens it with.
    pub opening: Digest32,
    /// Which of the file's tails.
    pub tail: u8,
    /// A commitment for each column.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_COLUMNS>")]
    pub points: Vec<[u8; 32]>,
}

/// A published commitment, as it stands in a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CommitmentData {
    /// Digest of the SRS.
    pub srs_digest: Digest32,
    /// Tail points for each size that occurs, ascending.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_TAILS>")]
    pub tails: Vec<TailPoints>,
    /// The parts.
    #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_PARTS>")]
    pub parts: Vec<PartData>,
}

/// One part of a checked commitment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    subject: CommittedTo,
    vk_digest: Digest32,
    key: LinkKey,
    points: Vec<G1Affine>,
    digest: Digest32,
}

/// A published commitment whose points were parsed and whose tails were checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WeightCommitment {
    digest: Digest32,
    parts: Vec<Part>,
    by_subject: BTreeMap<CommittedTo, usize>,
}

impl CommitmentData {
    /// Identity of the whole file.
    ///
    /// # Errors
    ///
    /// If this is not a valid file.
    pub fn digest(&self) -> Result<Digest32, FormatError<CommitmentError>> {
        Ok(tagged("nascent weight commitment v1", &[&self.encode()?]))
    }

    /// The points of each part, canonical and not the identity.
    fn points(&self) -> Result<Vec<Vec<G1Affine>>, CommitmentError> {
        let of_part = |(part, data): (usize, &PartData)| {
            let parse = |(column, bytes)| {
                let error = |source| CommitmentError::Point {
                    part,
                    column,
                    source,
                };
                let point = point_from_bytes(bytes).map_err(error)?;
                if point.is_zero() {
                    return Err(CommitmentError::Identity { part, column });
                }
                Ok(point)
            };
            data.points.iter().enumerate().map(parse).collect()
        };
        self.parts.iter().enumerate().map(of_part).collect()
    }
}

impl Format for CommitmentData {
    const MAGIC: [u8; 8] = *b"nsc.wcom";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 64 << 20;
    type Error = CommitmentError;

    fn validate(&self) -> Result<(), CommitmentError> {
        count("parts", MAX_PARTS, self.parts.len())?;
        count("tails", MAX_TAILS, self.tails.len())?;
        let mut used = BTreeSet::new();
        let mut subjects = BTreeSet::new();
        for (part, data) in self.parts.iter().enumerate() {
            count("columns", MAX_COLUMNS, data.points.len())?;
            let tail = usize::from(data.tail);
            if tail >= self.tails.len() {
                return Err(CommitmentError::NoTail {
                    part,
                    limit: self.tails.len(),
                    got: data.tail,
                });
            }
            used.insert(tail);
            if !subjects.insert(data.subject) {
                return Err(CommitmentError::DuplicatePart { part });
            }
        }
        let mut last = None;
        for (index, tail) in self.tails.iter().enumerate() {
            if last.replace(tail.k) >= Some(tail.k) || !used.contains(&index) {
                return Err(CommitmentError::TailOrder { index });
            }
            let error = |source| CommitmentError::Tail { index, source };
            tail.parse().map(drop).map_err(error)?;
        }
        self.points().map(|_| ())
    }
}

impl WeightCommitment {
    /// Checks a file's tails against the SRS.
    ///
    /// # Errors
    ///
    /// If the file is not valid, is of another SRS, or its tail points are not the SRS's.
    pub fn new(data: &CommitmentData, srs: &Srs) -> Result<Self, FormatError<CommitmentError>> {
        let digest = data.digest()?;
        if data.srs_digest != srs.digest() {
            return Err(FormatError::Invalid(CommitmentError::Srs));
        }
        let key = |(index, tail)| {
            let error = |source| CommitmentError::Tail { index, source };
            LinkKey::new(tail, srs).map_err(error)
        };
        let keys = data.tails.iter().enumerate().map(key);
        let keys = keys
            .collect::<Result<Vec<_>, _>>()
            .map_err(FormatError::Invalid)?;
        let points = data.points().map_err(FormatError::Invalid)?;
        let parts = data.parts.iter().zip(points).enumerate();
        let parts = parts.map(|(part, (data, points))| {
            let key = keys.get(usize::from(data.tail)).cloned();
            let key = key.ok_or(CommitmentError::NoTail {
                part,
                limit: keys.len(),
                got: data.tail,
            })?;
            Ok(Part::new(data, key, points))
        });
        let parts = parts.collect::<Result<_, _>>();
        let subjects = data.parts.iter().map(|part| part.subject);
        Ok(Self {
            digest,
            parts: parts.map_err(FormatError::Invalid)?,
            by_subject: subjects.zip(0..).collect(),
        })
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn decode(bytes: &[u8], srs: &Srs) -> Result<Self, FormatError<CommitmentError>> {
        Self::new(&CommitmentData::decode(bytes)?, srs)
    }

    /// Identity of the whole file.
    pub fn digest(&self) -> &Digest32 {
        &self.digest
    }

    /// The parts, in the file's order.
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The part about these weights.
    pub fn part(&self, subject: &CommittedTo) -> Option<&Part> {
        self.parts.get(*self.by_subject.get(subject)?)
    }
}

impl Part {
    fn new(data: &PartData, key: LinkKey, points: Vec<G1Affine>) -> Self {
        let subject = data.subject.digest();
        let mut words: Vec<&[u8]> = Vec::with_capacity(data.points.len().saturating_add(4));
        words.extend([
            subject.as_slice(),
            &data.vk_digest,
            &data.opening,
            key.digest(),
        ]);
        words.extend(data.points.iter().map(<[u8; 32]>::as_slice));
        let digest = tagged("nascent weight commitment part v1", &words);
        Self {
            subject: data.subject,
            vk_digest: data.vk_digest,
            key,
            points,
            digest,
        }
    }

    /// What was committed.
    pub fn subject(&self) -> &CommittedTo {
        &self.subject
    }

    /// The verifying key whose weight columns these are.
    pub fn vk_digest(&self) -> &Digest32 {
        &self.vk_digest
    }

    /// The tail.
    pub fn key(&self) -> &LinkKey {
        &self.key
    }

    /// A commitment for each column.
    pub fn points(&self) -> &[G1Affine] {
        &self.points
    }

    /// Identity of the part: it stays when other parts of the file change.
    pub fn digest(&self) -> &Digest32 {
        &self.digest
    }

    /// The part as one side of a link.
    pub fn side(&self) -> Side<'_> {
        Side {
            context: self.digest,
            points: &self.points,
        }
    }
}

fn count(what: &'static str, limit: usize, got: usize) -> Result<(), CommitmentError> {
    if got == 0 || got > limit {
        return Err(CommitmentError::Count { what, limit, got });
    }
    Ok(())
}
