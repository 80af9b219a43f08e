//! A source of public randomness.

use super::{BeaconError, MAX_ALPHA, MAX_BEACON, MAX_HEADERS};
use crate::digest::Digest32;
use crate::text::{Quoted, is_plain};
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use serde::{Deserialize, Serialize};

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
    pub(super) fn value_bytes(&self) -> (usize, usize) {
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
    pub(super) fn label(&self) -> Vec<u8> {
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
            Self::Words(words) if !is_plain(words) => Err(BeaconError::NotPlain),
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
            Self::Words(words) => write!(f, "{}", Quoted(words)),
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
