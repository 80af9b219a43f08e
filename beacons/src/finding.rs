//! What a piece of evidence shows, and what it leaves open.

use crate::Network;
use crate::bitcoin::{FLOOR_HEADER_BITS, FLOOR_TOTAL_BITS, is_below_floor};
use nascent_verifier::{BeaconSource, Digest32};
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
        /// The same of the easiest header since the anchor alone.
        header_bits: f64,
    },
    /// An output of a verifiable random function.
    Vrf,
}

impl Finding {
    /// What shows, by itself, that nobody made the value to suit; none if nothing does. A header of
    /// Ethereum does not: anyone can write one. Nor do headers of Bitcoin below the floor of work,
    /// or a VRF's proof: the plan's maker could have made the headers, or the key.
    pub fn established_by(&self) -> Option<&'static str> {
        match self {
            Self::Drand { .. } => {
                Some("a signature under the key of a public drand network, which is built in here")
            }
            Self::Bitcoin {
                work_bits,
                header_bits,
                ..
            } => (*work_bits >= f64::from(FLOOR_TOTAL_BITS)
                && *header_bits >= f64::from(FLOOR_HEADER_BITS))
            .then_some(
                "work above the floor: 2^75 hashes for each header, 2^80 for the block with its confirmations",
            ),
            Self::Words | Self::Ethereum { .. } | Self::Vrf => None,
        }
    }

    /// Whether the evidence alone shows that nobody made the value to suit.
    pub fn is_established(&self) -> bool {
        self.established_by().is_some()
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

    /// What the evidence does not show. If the value is not established, the first item says why.
    pub fn leaves_open(&self) -> &'static [&'static str] {
        match self {
            Self::Words => &["anything: compare the value with the source that the words describe"],
            Self::Drand { .. } => &[
                "that fewer than the threshold of the network's nodes colluded: together they know rounds in advance",
            ],
            Self::Ethereum { chain: 1, .. } => &[
                "that the block is on the chain, and final: anyone can write a header; compare its hash with a chain you trust",
                "that no proposer withheld a block: the last ones before it can each choose between two values of prevrandao",
            ],
            Self::Ethereum { .. } => &[
                "that the block is on the chain, and final: anyone can write a header; compare its hash with a chain you trust",
                "that many independent parties propose blocks on that chain: it is not Ethereum's main network, and on a test network one party may choose prevrandao",
            ],
            Self::Bitcoin { .. } if !self.is_established() => &[
                "that anybody but the plan's publisher made these headers: the work on them is below the floor of 2^75 hashes for each header and 2^80 in all",
                "that this is the chain with the most work: another one under the same target would pass too",
            ],
            Self::Bitcoin { .. } => &[
                "that this is the chain with the most work: another one under the same target would pass too",
                "that no miner threw a block away: each costs its reward, and buys another draw",
            ],
            Self::Vrf => &[
                "whose key it is: the plan's publisher could have made it, and looked at its outputs first; compare it with the key of a holder whom you trust",
                "that the holder of the key did not know the output in advance: only that the key has no other output",
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
                "the drand network {} signed round {round}, due {}; there is no other signature on it",
                network.name(),
                date(*published)
            ),
            Self::Ethereum {
                number,
                hash,
                timestamp,
                ..
            } => write!(
                f,
                "the header with the hash 0x{} is of block {number}, says the time {}, and has \
                 this prevrandao",
                hex::encode(hash),
                date(*timestamp)
            ),
            Self::Bitcoin {
                height,
                confirmations,
                work_bits,
                header_bits,
                ..
            } => write!(
                f,
                "block {height} follows the plan's anchor, and {confirmations} headers that take \
                 2^{work_bits:.1} hashes together stand on it, itself counted (the easiest since the \
                 anchor takes 2^{header_bits:.1}): hash {}",
                hex::encode(self.block_hash().unwrap_or_default())
            ),
            Self::Vrf => f.write_str("the output is the key's on this input, and its only one"),
        }
    }
}

/// On what a value of this source will count as established, where it is not the evidence alone.
pub fn condition(source: &BeaconSource) -> Option<&'static str> {
    match source {
        BeaconSource::Words(_) => Some("never; words are nothing to check"),
        BeaconSource::Ethereum { .. } => {
            Some("only for a verifier who gives the block's hash: anyone can write a header")
        }
        BeaconSource::Vrf { .. } => {
            Some("only for a verifier who gives the key: its holder could be the publisher")
        }
        BeaconSource::Bitcoin { bits, .. } if is_below_floor(*bits) => Some(
            "only if every header is harder than the plan asks: its target takes headers below the \
             floor of 2^75 hashes each",
        ),
        BeaconSource::Drand { .. } | BeaconSource::Bitcoin { .. } => None,
    }
}

/// `2023-08-23 15:15:33 UTC`, of seconds since 1970 by the Gregorian calendar; the number itself
/// after the year 9999.
fn date(time: u64) -> String {
    const DAYS_OF_400_YEARS: u64 = 146_097;
    if time >= 253_402_300_800 {
        return format!("{time} seconds after 1970");
    }
    let (days, second) = (time / 86_400, time % 86_400);
    // From 0000-03-01: with years from March the leap day is the last.
    let days = days + 719_468;
    let (era, day) = (days / DAYS_OF_400_YEARS, days % DAYS_OF_400_YEARS);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (year, month) = match month {
        0..10 => (400 * era + year, month + 3),
        _ => (400 * era + year + 1, month - 9),
    };
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::date;

    #[test]
    fn dates() {
        for (time, expected) in [
            (0, "1970-01-01 00:00:00 UTC"),
            (68_169_600, "1972-02-29 00:00:00 UTC"),
            (951_782_399, "2000-02-28 23:59:59 UTC"),
            (951_782_400, "2000-02-29 00:00:00 UTC"),
            (1_692_803_733, "2023-08-23 15:15:33 UTC"),
            (1_798_761_600, "2027-01-01 00:00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00:00 UTC"),
            (253_402_300_799, "9999-12-31 23:59:59 UTC"),
            (253_402_300_800, "253402300800 seconds after 1970"),
        ] {
            assert_eq!(date(time), expected);
        }
    }
}
