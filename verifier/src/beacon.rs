//! Beacons: what a plan announces, and the values that came.
//!
//! This crate holds values against the plan's list of sources and hashes them. Whether a value is
//! its source's — signatures, proof of work, hashes — is in the *evidence*, which is carried here
//! as bytes and checked by the crate `nascent-beacons`.

use crate::codec::Format;
use crate::digest::{Digest32, tagged, to_scalar};
use crate::encoding::scalar_to_bytes;
use crate::poseidon2;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use ark_bn254::Fr;
use core::fmt;
use serde::{Deserialize, Serialize};

/// Most bytes of a description in words and of a raw value.
pub const MAX_BEACON: usize = 4096;
/// Most sources of one plan.
pub const MAX_SOURCES: usize = 8;
/// Most bytes of one piece of evidence.
pub const MAX_EVIDENCE: usize = 512 << 10;
/// Most headers from a Bitcoin anchor to the last confirmation: four weeks.
pub const MAX_HEADERS: u64 = 4032;
/// Most bytes of the input of a VRF.
pub const MAX_ALPHA: usize = 1024;

/// Domain tag of several values together, read as a big-endian integer.
const TAG: &[u8; 14] = b"nascent/bcn/v1";

/// A source of public randomness, and which of its values is meant: all that a plan fixes before
/// the value exists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum BeaconSource {
    /// Words. Nothing can be checked but by people.
    Words(String),
    /// A round of a drand network.
    Drand {
        /// The network's chain hash.
        chain: Digest32,
        /// The round, from 1.
        round: u64,
    },
    /// `prevrandao` of an Ethereum block.
    Ethereum {
        /// Chain id (EIP-155); 1 is the main network. A header does not carry it.
        chain: u64,
        /// Number of the block.
        number: u64,
    },
    /// Hash of a Bitcoin block, some blocks after a known one.
    Bitcoin {
        /// Height of a block that is known when the plan is made.
        anchor_height: u64,
        /// Hash of that block, in the order of the header (the reverse of what is displayed).
        anchor: Digest32,
        /// Height of the block whose hash is the value.
        height: u64,
        /// Blocks from that one to the last, both counted.
        confirmations: u16,
        /// The easiest target accepted, in the compact form of headers (`nBits`).
        bits: u32,
    },
    /// Output of a verifiable random function: ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381.
    Vrf {
        /// Public key.
        key: [u8; 32],
        /// Input.
        #[serde(with = "crate::codec::bytes")]
        alpha: Vec<u8>,
    },
}

impl BeaconSource {
    /// Bytes of a value: least and most.
    fn value_bytes(&self) -> (usize, usize) {
        match self {
            Self::Words(_) => (1, MAX_BEACON),
            Self::Drand { .. } | Self::Ethereum { .. } | Self::Bitcoin { .. } => (32, 32),
            Self::Vrf { .. } => (64, 64),
        }
    }

    /// Headers of the evidence of a Bitcoin block; zero for others.
    pub fn headers(&self) -> u64 {
        match self {
            Self::Bitcoin {
                anchor_height,
                height,
                confirmations,
                ..
            } => height
                .saturating_sub(*anchor_height)
                .saturating_add(u64::from(*confirmations))
                .saturating_sub(1),
            _ => 0,
        }
    }

    /// Kind and parameters, for hashing: the kind's byte, then the fields in order, integers
    /// big-endian, everything of fixed length but the last. Words are not part of the value.
    fn label(&self) -> Vec<u8> {
        let mut label = Vec::new();
        match self {
            Self::Words(_) => label.push(0),
            Self::Drand { chain, round } => {
                label.push(1);
                label.extend(chain);
                label.extend(round.to_be_bytes());
            }
            Self::Ethereum { chain, number } => {
                label.push(2);
                label.extend(chain.to_be_bytes());
                label.extend(number.to_be_bytes());
            }
            Self::Bitcoin {
                anchor_height,
                anchor,
                height,
                confirmations,
                bits,
            } => {
                label.push(3);
                label.extend(anchor_height.to_be_bytes());
                label.extend(anchor);
                label.extend(height.to_be_bytes());
                label.extend(confirmations.to_be_bytes());
                label.extend(bits.to_be_bytes());
            }
            Self::Vrf { key, alpha } => {
                label.push(4);
                label.extend(key);
                // The value after it has a fixed length, so the end of `alpha` is known.
                label.extend(alpha);
            }
        }
        label
    }

    /// Checks sizes and ranges.
    ///
    /// # Errors
    /// The first thing that is out of range.
    pub fn validate(&self) -> Result<(), BeaconError> {
        match self {
            Self::Words(words) if words.is_empty() || words.len() > MAX_BEACON => {
                Err(BeaconError::Words {
                    limit: MAX_BEACON,
                    got: words.len(),
                })
            }
            Self::Drand { round: 0, .. } => Err(BeaconError::RoundZero),
            Self::Bitcoin {
                anchor_height,
                height,
                confirmations,
                ..
            } if height <= anchor_height || *confirmations == 0 || self.headers() > MAX_HEADERS => {
                Err(BeaconError::Headers {
                    limit: MAX_HEADERS,
                    anchor: *anchor_height,
                    height: *height,
                    confirmations: *confirmations,
                })
            }
            Self::Vrf { alpha, .. } if alpha.len() > MAX_ALPHA => Err(BeaconError::Alpha {
                limit: MAX_ALPHA,
                got: alpha.len(),
            }),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for BeaconSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words(words) => f.write_str(words),
            Self::Drand { chain, round } => {
                write!(f, "round {round} of drand network {}", Hex(chain))
            }
            Self::Ethereum { chain: 1, number } => {
                write!(f, "prevrandao of Ethereum block {number}")
            }
            Self::Ethereum { chain, number } => {
                write!(f, "prevrandao of block {number} of Ethereum chain {chain}")
            }
            Self::Bitcoin {
                anchor_height,
                anchor,
                height,
                confirmations,
                bits,
            } => {
                write!(
                    f,
                    "hash of Bitcoin block {height}, with {confirmations} confirmations at target \
                     {bits:08x} or harder, after block {anchor_height} "
                )?;
                anchor
                    .iter()
                    .rev()
                    .try_for_each(|byte| write!(f, "{byte:02x}"))
            }
            Self::Vrf { key, alpha } => {
                write!(f, "VRF output of key {} on {}", Hex(key), Hex(alpha))
            }
        }
    }
}

/// Bytes in hexadecimal.
struct Hex<'a>(&'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// The sources that a plan announces, in the order in which their values are combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement(Vec<BeaconSource>);

impl Announcement {
    /// The sources.
    pub fn sources(&self) -> &[BeaconSource] {
        &self.0
    }

    /// The words, if they are all there is.
    pub(crate) fn words(&self) -> Option<&str> {
        match self.0.as_slice() {
            [BeaconSource::Words(words)] => Some(words),
            _ => None,
        }
    }

    /// Checks the number of sources, and each of them.
    ///
    /// # Errors
    /// The first thing that is out of range.
    pub fn validate(&self) -> Result<(), BeaconError> {
        count(self.0.len())?;
        self.0.iter().try_for_each(BeaconSource::validate)
    }

    /// Holds values against the sources: as many, of the same sources, in the same order.
    ///
    /// # Errors
    /// The first difference, or a value that is not valid.
    pub fn check(&self, beacon: &Beacon) -> Result<(), BeaconError> {
        beacon.validate()?;
        let got: Vec<Option<&BeaconSource>> = match beacon {
            Beacon::Raw(_) => alloc::vec![None],
            Beacon::Sources(values) => values.iter().map(|value| Some(&value.source)).collect(),
        };
        for (position, (expected, got)) in self.0.iter().zip(&got).enumerate() {
            let same = match (expected, got) {
                (BeaconSource::Words(_), None) => self.words().is_some(),
                (expected, got) => *got == Some(expected),
            };
            if !same {
                return Err(BeaconError::OtherSource {
                    position,
                    expected: expected.to_string(),
                    got: got.map_or("a raw value".to_string(), ToString::to_string),
                });
            }
        }
        if got.len() == self.0.len() {
            Ok(())
        } else {
            Err(BeaconError::ValueCount {
                expected: self.0.len(),
                got: got.len(),
            })
        }
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, source) in self.0.iter().enumerate() {
            let before = if position == 0 { "" } else { "; then " };
            write!(f, "{before}{source}")?;
        }
        Ok(())
    }
}

impl From<&str> for Announcement {
    fn from(words: &str) -> Self {
        words.to_string().into()
    }
}

impl From<String> for Announcement {
    fn from(words: String) -> Self {
        Self(alloc::vec![BeaconSource::Words(words)])
    }
}

impl From<Vec<BeaconSource>> for Announcement {
    fn from(sources: Vec<BeaconSource>) -> Self {
        Self(sources)
    }
}

/// A value with its source and what shows that it is the source's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconValue {
    /// What the value is of.
    pub source: BeaconSource,
    /// The value: drand's randomness, `prevrandao`, a block hash in the order of the header, a
    /// VRF's output, or raw bytes.
    #[serde(with = "crate::codec::bytes")]
    pub value: Vec<u8>,
    /// Signature, headers or proof; empty for a raw value. Not checked by this crate, and not part
    /// of the digest.
    #[serde(with = "crate::codec::bytes")]
    pub evidence: Vec<u8>,
}

impl BeaconValue {
    /// Digest of source and value. The value of words is hashed as [`Beacon::Raw`] is.
    pub fn digest(&self) -> Digest32 {
        tagged("nascent beacon v1", &[&self.source.label(), &self.value])
    }
}

impl Format for BeaconValue {
    const MAGIC: [u8; 8] = *b"nsc.bcon";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = MAX_EVIDENCE + (16 << 10);
    type Error = BeaconError;

    fn validate(&self) -> Result<(), BeaconError> {
        self.source.validate()?;
        let (least, most) = self.source.value_bytes();
        let got = self.value.len();
        if got < least || got > most {
            return Err(BeaconError::Value { least, most, got });
        }
        let limit = match self.source {
            BeaconSource::Words(_) => 0,
            _ => MAX_EVIDENCE,
        };
        if self.evidence.len() > limit {
            return Err(BeaconError::Evidence {
                limit,
                got: self.evidence.len(),
            });
        }
        Ok(())
    }
}

/// The value that a plan's beacon took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beacon {
    /// Bytes whose origin the plan describes in words; the verifier hashes
    /// them and does not check where they come from.
    Raw(#[serde(with = "crate::codec::bytes")] Vec<u8>),
    /// Values of the plan's sources, in its order.
    Sources(
        #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_SOURCES>")] Vec<BeaconValue>,
    ),
}

impl From<Vec<BeaconValue>> for Beacon {
    /// One value of words alone is [`Beacon::Raw`]: it has one form.
    fn from(mut values: Vec<BeaconValue>) -> Self {
        if let [one] = values.as_mut_slice()
            && matches!(one.source, BeaconSource::Words(_))
        {
            return Self::Raw(core::mem::take(&mut one.value));
        }
        Self::Sources(values)
    }
}

impl Beacon {
    /// Digest of kind and value; of several, one Poseidon2 permutation over their number and
    /// their digests, in order: `P(tag; n, d_1, .., d_n)`, big-endian.
    pub fn digest(&self) -> Digest32 {
        match self {
            Self::Raw(value) => tagged("nascent beacon v1", &[&[0], value]),
            Self::Sources(values) => match values.as_slice() {
                [one] => one.digest(),
                several => combine(several),
            },
        }
    }

    /// The field element `b` of the statement.
    pub fn scalar(&self) -> Fr {
        to_scalar(&self.digest())
    }

    /// The values with their sources; none for raw bytes.
    pub fn values(&self) -> &[BeaconValue] {
        match self {
            Self::Raw(_) => &[],
            Self::Sources(values) => values,
        }
    }

    /// Checks number and sizes of the values.
    ///
    /// # Errors
    /// The first thing that is out of range.
    pub fn validate(&self) -> Result<(), BeaconError> {
        match self {
            Self::Raw(value) if value.is_empty() || value.len() > MAX_BEACON => {
                Err(BeaconError::Value {
                    least: 1,
                    most: MAX_BEACON,
                    got: value.len(),
                })
            }
            Self::Raw(_) => Ok(()),
            Self::Sources(values) => {
                count(values.len())?;
                if let [one] = values.as_slice()
                    && matches!(one.source, BeaconSource::Words(_))
                {
                    return Err(BeaconError::SecondForm);
                }
                values.iter().try_for_each(Format::validate)
            }
        }
    }
}

fn combine(values: &[BeaconValue]) -> Digest32 {
    let mut tag = [0; 32];
    let (_, low) = tag.split_at_mut(32 - TAG.len());
    low.copy_from_slice(TAG);
    let number = Fr::from(u64::try_from(values.len()).unwrap_or(u64::MAX));
    let digests = values.iter().map(|value| to_scalar(&value.digest()));
    let inputs: Vec<Fr> = core::iter::once(number).chain(digests).collect();
    let mut digest = scalar_to_bytes(&poseidon2::hash(to_scalar(&tag), &inputs));
    digest.reverse();
    digest
}

fn count(got: usize) -> Result<(), BeaconError> {
    if (1..=MAX_SOURCES).contains(&got) {
        Ok(())
    } else {
        Err(BeaconError::SourceCount {
            limit: MAX_SOURCES,
            got,
        })
    }
}

/// Why sources or values are not valid, or do not belong together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BeaconError {
    /// An empty or long description.
    #[error("beacon description of {got} bytes, expected 1 to {limit}")]
    Words {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// drand counts from one.
    #[error("drand has no round 0")]
    RoundZero,
    /// A Bitcoin block that its anchor does not lead to.
    #[error(
        "Bitcoin block {height} with {confirmations} confirmations after block {anchor}: expected \
         at least one block and one confirmation, and at most {limit} headers"
    )]
    Headers {
        /// Most headers.
        limit: u64,
        /// Height of the anchor.
        anchor: u64,
        /// Height of the block.
        height: u64,
        /// Confirmations.
        confirmations: u16,
    },
    /// A long input of a VRF.
    #[error("VRF input of {got} bytes, limit {limit}")]
    Alpha {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// A value of the wrong length.
    #[error("beacon value of {got} bytes, expected {least} to {most}")]
    Value {
        /// Fewest bytes.
        least: usize,
        /// Most bytes.
        most: usize,
        /// Bytes found.
        got: usize,
    },
    /// Evidence that is too long, or where there can be none.
    #[error("beacon evidence of {got} bytes, limit {limit}")]
    Evidence {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// No sources, or too many.
    #[error("{got} beacon sources, expected 1 to {limit}")]
    SourceCount {
        /// Most sources.
        limit: usize,
        /// Sources found.
        got: usize,
    },
    /// A raw value in a list of one.
    #[error("a list of one raw value: a raw value stands alone")]
    SecondForm,
    /// Too few or too many values.
    #[error("{got} beacon values, the plan announces {expected}")]
    ValueCount {
        /// Sources of the plan.
        expected: usize,
        /// Values found.
        got: usize,
    },
    /// A value of something else than the plan says.
    #[error("beacon value {} is {got}; the plan announces {expected}", position + 1)]
    OtherSource {
        /// Position in the list, from zero.
        position: usize,
        /// The plan's source.
        expected: String,
        /// The value's.
        got: String,
    },
}
