//! Bitcoin: a chain of headers with proof of work.
//!
//! A header has 80 bytes: version, hash of the header before, Merkle root, time, target in compact
//! form (`nBits`), nonce; its hash is SHA-256 twice. A header carries no height, so the chain here
//! starts at an *anchor*, a block that was known when the plan was made: the value is the hash of
//! the block so many headers after it, and further headers confirm it. Every header must be linked
//! to the one before, meet its own target, and have a target not easier than the plan's, which
//! whoever makes the headers cannot choose.
//!
//! The plan's maker chose that target, though. So there is a floor of work that no file moves
//! ([`FLOOR_HEADER_BITS`], [`FLOOR_TOTAL_BITS`]): headers below it are examined, and their value does
//! not count as established.

use crate::Finding;
use nascent_verifier::Digest32;
use sha2::{Digest, Sha256};

const HEADER: usize = 80;

/// A header of the floor takes `2^75` hashes on average: a target of at most `2^181`, a difficulty of
/// at least `2^43`. Bitcoin's own has been above that since 2019.
pub const FLOOR_HEADER_BITS: u32 = 75;

/// The block and its confirmations take at least `2^80` hashes together.
pub const FLOOR_TOTAL_BITS: u32 = 80;

/// What a plan asks for.
pub(crate) struct Wanted<'a> {
    /// Hash of the anchor, in the order of the header.
    pub anchor: &'a Digest32,
    /// Headers from the anchor, not counted, to the last confirmation.
    pub headers: u64,
    pub height: u64,
    pub confirmations: u16,
    /// Easiest target, compact.
    pub bits: u32,
}

/// Evidence: the headers after the anchor, in order, to the last confirmation.
pub(crate) fn examine(
    wanted: &Wanted<'_>,
    evidence: &[u8],
) -> Result<(Vec<u8>, Finding), BitcoinError> {
    let easiest = target(wanted.bits).ok_or(BitcoinError::PlanTarget { bits: wanted.bits })?;
    let (headers, rest) = evidence.as_chunks::<HEADER>();
    let got = u64::try_from(headers.len()).unwrap_or(u64::MAX);
    if got != wanted.headers || !rest.is_empty() {
        return Err(BitcoinError::Length {
            expected: wanted.headers,
            got: evidence.len(),
        });
    }
    let last = wanted.headers.saturating_sub(wanted.confirmations.into());
    let mut tip = *wanted.anchor;
    let mut block = None;
    let (mut work, mut least) = (0.0, f64::INFINITY);
    for (position, header) in (0..).zip(headers) {
        let header = Header::parse(header);
        if header.previous != tip {
            return Err(BitcoinError::Link { position });
        }
        let bits = header.bits;
        let goal = target(bits).ok_or(BitcoinError::Target { position, bits })?;
        if goal > easiest {
            return Err(BitcoinError::TooEasy {
                position,
                limit: wanted.bits,
                bits,
            });
        }
        // Both as big-endian integers.
        let mut hash = header.hash;
        hash.reverse();
        if hash > goal {
            return Err(BitcoinError::Work { position });
        }
        tip = header.hash;
        least = expected_hashes(&goal).min(least);
        if position >= last {
            work += expected_hashes(&goal);
            block.get_or_insert((header.hash, header.time));
        }
    }
    let (hash, time) = block.ok_or(BitcoinError::Length {
        expected: wanted.headers,
        got: 0,
    })?;
    let finding = Finding::Bitcoin {
        height: wanted.height,
        hash,
        time: time.into(),
        confirmations: wanted.confirmations,
        work_bits: work.log2(),
        header_bits: least.log2(),
    };
    Ok((hash.to_vec(), finding))
}

struct Header {
    hash: Digest32,
    previous: Digest32,
    time: u32,
    bits: u32,
}

impl Header {
    fn parse(bytes: &[u8; HEADER]) -> Self {
        let number = |at: usize| {
            let word = bytes.get(at..).and_then(<[u8]>::first_chunk);
            u32::from_le_bytes(word.copied().unwrap_or_default())
        };
        let previous = bytes.get(4..).and_then(<[u8]>::first_chunk);
        Self {
            hash: Sha256::digest(Sha256::digest(bytes)).into(),
            previous: previous.copied().unwrap_or_default(),
            time: number(68),
            bits: number(72),
        }
    }
}

/// The target of a compact form, big-endian; none if it is negative, zero or too large.
///
/// `0xEEMMMMMM` stands for `M 256^(E - 3)`, the highest bit of `M` being its sign.
pub(crate) fn target(bits: u32) -> Option<[u8; 32]> {
    let [size, mantissa @ ..] = bits.to_be_bytes();
    let negative = mantissa.first().is_some_and(|byte| byte & 0x80 != 0);
    let mut target = [0; 32];
    for (place, byte) in mantissa.into_iter().enumerate() {
        // Of weight `256^(size - 1 - place)`, down to a fraction that is dropped.
        let Some(weight) = usize::from(size).checked_sub(place + 1) else {
            continue;
        };
        match target.iter_mut().nth_back(weight) {
            Some(digit) => *digit = byte,
            None if byte == 0 => {}
            None => return None,
        }
    }
    (!negative && target != [0; 32]).then_some(target)
}

/// How many hashes it takes on average: `2^256 / (target + 1)`.
fn expected_hashes(target: &[u8; 32]) -> f64 {
    let target = target
        .iter()
        .fold(0.0, |value, byte| value * 256.0 + f64::from(*byte));
    2_f64.powi(256) / (target + 1.0)
}

/// Whether a plan's target takes headers below the floor.
pub(crate) fn is_below_floor(bits: u32) -> bool {
    let hashes = target(bits).as_ref().map(expected_hashes);
    hashes.is_none_or(|hashes| hashes.log2() < f64::from(FLOOR_HEADER_BITS))
}

/// Why a chain of headers is refused. Positions count from the anchor, from zero.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum BitcoinError {
    /// A plan with a target that is none.
    #[error("the plan's target {bits:08x} is not a target")]
    PlanTarget {
        /// Compact form.
        bits: u32,
    },
    /// Too few headers, too many, or part of one.
    #[error("evidence of {got} bytes, expected {expected} headers of 80 bytes")]
    Length {
        /// Headers.
        expected: u64,
        /// Bytes found.
        got: usize,
    },
    /// A header that does not follow the one before, or the anchor.
    #[error("header {position} does not follow the one before it")]
    Link {
        /// Position of the header.
        position: u64,
    },
    /// A compact form that stands for no target.
    #[error("header {position} has {bits:08x} for a target")]
    Target {
        /// Position of the header.
        position: u64,
        /// Compact form.
        bits: u32,
    },
    /// A target that the plan does not accept.
    #[error(
        "header {position} has the target {bits:08x}, easier than {limit:08x}: too little work"
    )]
    TooEasy {
        /// Position of the header.
        position: u64,
        /// Easiest target accepted, compact.
        limit: u32,
        /// Target found, compact.
        bits: u32,
    },
    /// A hash above the target.
    #[error("header {position} does not have the work that its target asks for")]
    Work {
        /// Position of the header.
        position: u64,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_targets() {
        let big = |bits| target(bits).map(hex::encode);
        // Genesis, and Bitcoin Core's own table (`arith_uint256_tests`, bignum_SetCompact).
        let genesis = format!("00000000ffff{}", "00".repeat(26));
        assert_eq!(big(0x1d00_ffff), Some(genesis));
        let small = |value: &str| Some(format!("{value:0>64}"));
        assert_eq!(big(0x0112_3456), small("12"));
        assert_eq!(big(0x0212_3456), small("1234"));
        assert_eq!(big(0x0312_3456), small("123456"));
        assert_eq!(big(0x0412_3456), small("12345600"));
        assert_eq!(big(0x0500_9234), small("92340000"));
        assert_eq!(big(0x2012_3456), Some(format!("123456{}", "00".repeat(29))));
        for none in [
            0,
            0x0012_3456,
            0x0100_3456,
            0x0200_0056,
            0x0300_0000,
            0x0492_3456,
            0x01fe_dcba,
            0xff12_3456,
            0x2300_0001,
            0x2212_3456,
        ] {
            assert_eq!(big(none), None, "{none:08x}");
        }
        assert_eq!(
            big(0x2200_0001),
            Some(format!("01{}", "00".repeat(31))),
            "the largest exponent"
        );
    }
}
