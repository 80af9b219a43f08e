//! What a piece of evidence shows, and what it leaves open.

use crate::Network;
use nascent_verifier::Digest32;
use std::fmt;

/// What was found in a piece of evidence. [`fmt::Display`] gives it in words.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Finding {
    /// A value whose origin is only described.
    Words,
    /// A drand round.
    Drand {
        /// The network.
        network: Network,
        /// The round.
        round: u64,
        /// When it was published by the network's schedule, seconds since 1970.
        published: u64,
    },
    /// An Ethereum header.
    Ethereum {
        /// Chain id, as announced.
        chain: u64,
        /// Number of the block.
        number: u64,
        /// Hash of the block.
        hash: Digest32,
        /// The block's own time, seconds since 1970.
        timestamp: u64,
    },
    /// A Bitcoin block under its confirmations.
    Bitcoin {
        /// Height of the block.
        height: u64,
        /// Hash of the block, in the order of the header.
        hash: Digest32,
        /// The block's own time, seconds since 1970.
        time: u64,
        /// Headers from the block to the last, both counted.
        confirmations: u16,
        /// Logarithm to base two of the hashes that those headers take on average.
        work_bits: f64,
    },
    /// An output of a verifiable random function.
    Vrf,
}

impl Finding {
    /// Whether the evidence alone shows that the value is the source's. A header of Ethereum does
    /// not: anyone can write one; and words are nothing to check.
    pub fn is_established(&self) -> bool {
        !matches!(self, Self::Words | Self::Ethereum { .. })
    }

    /// When the value came out by what the evidence says, seconds since 1970.
    pub fn time(&self) -> Option<u64> {
        match self {
            Self::Drand { published, .. } => Some(*published),
            Self::Ethereum { timestamp, .. } => Some(*timestamp),
            Self::Bitcoin { time, .. } => Some(*time),
            Self::Words | Self::Vrf => None,
        }
    }

    /// The hash of the block, for comparison with one from elsewhere, in the order in which it is
    /// displayed.
    pub fn block_hash(&self) -> Option<Digest32> {
        match self {
            Self::Ethereum { hash, .. } => Some(*hash),
            Self::Bitcoin { hash, .. } => {
                let mut displayed = *hash;
                displayed.reverse();
                Some(displayed)
            }
            _ => None,
        }
    }

    /// What the evidence does not show.
    pub fn leaves_open(&self) -> &'static [&'static str] {
        match self {
            Self::Words => &["anything: compare the value with the source that the words describe"],
            Self::Drand { .. } => &[
                "that fewer than the threshold of the network's nodes colluded: together they know rounds in advance",
            ],
            Self::Ethereum { .. } => &[
                "that the block is on the chain, and final: anyone can write a header; compare its hash with a chain you trust",
                "that no proposer withheld a block: the last ones before it can each choose between two values of prevrandao",
            ],
            Self::Bitcoin { .. } => &[
                "that this is the chain with the most work: another one under the same target would pass too",
                "that no miner threw a block away: each costs its reward, and buys another draw",
            ],
            Self::Vrf => &[
                "that the holder of the key did not know the output in advance, or make the key to suit: only that the key has no other output",
            ],
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Words => f.write_str("a raw value; there is nothing to check"),
            Self::Drand {
                network,
                round,
                published,
            } => write!(
                f,
                "the drand network {} signed round {round}, due {published} seconds after 1970; \
                 there is no other signature on it",
                network.name()
            ),
            Self::Ethereum {
                number,
                hash,
                timestamp,
                ..
            } => write!(
                f,
                "the header with the hash 0x{} is of block {number}, says the time {timestamp}, \
                 and has this prevrandao",
                hex::encode(hash)
            ),
            Self::Bitcoin {
                height,
                confirmations,
                work_bits,
                ..
            } => write!(
                f,
                "block {height} follows the plan's anchor, and {confirmations} headers that take \
                 2^{work_bits:.1} hashes together stand on it, itself counted: hash {}",
                hex::encode(self.block_hash().unwrap_or_default())
            ),
            Self::Vrf => f.write_str("the output is the key's on this input, and its only one"),
        }
    }
}
