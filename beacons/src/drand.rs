//! drand: threshold BLS signatures on round numbers.
//!
//! A network of nodes signs `SHA-256(previous signature || round)` (chained) or `SHA-256(round)`
//! (unchained), round as eight bytes big-endian, under one public key of which each node has a
//! share. The signature is unique for a round, so nobody can choose among several; the randomness
//! is its SHA-256. Specification: drand documentation, "Cryptography".

use crate::Finding;
use drand_verify::{G1Pubkey, G2PubkeyRfc, Pubkey};
use nascent_verifier::Digest32;
use sha2::{Digest, Sha256};

/// A public network with its chain information, which anyone can compare: the chain hash is over
/// all of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Network {
    /// `default`: a round every 30 seconds, `pedersen-bls-chained`.
    Default,
    /// `quicknet`: a round every 3 seconds, `bls-unchained-g1-rfc9380`.
    Quicknet,
}

impl Network {
    /// All networks known.
    pub const ALL: [Self; 2] = [Self::Default, Self::Quicknet];

    /// The network of a chain hash.
    pub fn of(chain: &Digest32) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|network| network.chain_hash() == *chain)
    }

    /// The network of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|network| network.name() == name)
    }

    /// Its name (drand's beacon id).
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Quicknet => "quicknet",
        }
    }

    /// Hash of the chain information.
    pub fn chain_hash(self) -> Digest32 {
        match self {
            Self::Default => {
                bytes("8990e7a9aaed2ffed73dbd7092123d6f289930540d7651336225dc172e51b2ce")
            }
            Self::Quicknet => {
                bytes("52db9ba70e0cc0f6eaf7803dd07447a1f5477735fd3f661792ba94600c84e971")
            }
        }
    }

    /// Time of the first round, seconds since 1970.
    pub fn genesis(self) -> u64 {
        match self {
            Self::Default => 1_595_431_050,
            Self::Quicknet => 1_692_803_367,
        }
    }

    /// Seconds between rounds.
    pub fn period(self) -> u64 {
        match self {
            Self::Default => 30,
            Self::Quicknet => 3,
        }
    }

    /// When a round is published, seconds since 1970; saturates.
    pub fn time_of(self, round: u64) -> u64 {
        self.period()
            .saturating_mul(round.saturating_sub(1))
            .saturating_add(self.genesis())
    }

    /// The first round that is not before a time.
    pub fn round_at(self, time: u64) -> u64 {
        let since = time.saturating_sub(self.genesis());
        since.div_ceil(self.period()).saturating_add(1)
    }

    /// Bytes of a signature: compressed, in G2 or in G1.
    fn signature_bytes(self) -> usize {
        match self {
            Self::Default => 96,
            Self::Quicknet => 48,
        }
    }

    /// Bytes of what the chain puts before the round: the signature before, or, before the
    /// first, the hash of the group that began the chain.
    fn previous_bytes(self, round: u64) -> usize {
        match (self, round) {
            (Self::Quicknet, _) => 0,
            (Self::Default, 1) => 32,
            (Self::Default, _) => 96,
        }
    }

    fn is_signed(self, round: u64, previous: &[u8], signature: &[u8]) -> Result<bool, DrandError> {
        let key = |_| DrandError::Signature;
        match self {
            Self::Default => G1Pubkey::from_fixed(DEFAULT_KEY)
                .map_err(key)?
                .verify(round, previous, signature),
            Self::Quicknet => G2PubkeyRfc::from_fixed(QUICKNET_KEY)
                .map_err(key)?
                .verify(round, previous, signature),
        }
        .map_err(|_| DrandError::Point)
    }
}

/// Public key of `default`, in G1.
const DEFAULT_KEY: [u8; 48] = bytes(
    "868f005eb8e6e4ca0a47c8a77ceaa5309a47978a7c71bc5cce96366b5d7a5699\
     37c529eeda66c7293784a9402801af31",
);

/// Public key of `quicknet`, in G2.
const QUICKNET_KEY: [u8; 96] = bytes(
    "83cf0f2896adee7eb8b5f01fcad3912212c437e0073e911fb90022d3e760183c\
     8c4b450b6a0a6c3ac6a5776a2d1064510d1fec758c921cc22b0e17e63aaf4bcb\
     5ed66304de9cf809bd274ca73bab4af5a6e9c76a4bc09e76eae8991ef5ece45a",
);

/// A constant in hexadecimal; anything else does not compile.
const fn bytes<const N: usize>(text: &str) -> [u8; N] {
    let text = text.as_bytes();
    assert!(text.len() == 2 * N, "two digits a byte");
    let mut bytes = [0; N];
    let mut place = 0;
    while place < N {
        bytes[place] = digit(text[2 * place]) << 4 | digit(text[2 * place + 1]);
        place += 1;
    }
    bytes
}

const fn digit(character: u8) -> u8 {
    match character {
        b'0'..=b'9' => character - b'0',
        b'a'..=b'f' => character - b'a' + 10,
        _ => panic!("a hexadecimal digit"),
    }
}

/// Evidence: the signature, and in the chained network what it was chained to.
pub(crate) fn examine(
    chain: &Digest32,
    round: u64,
    evidence: &[u8],
) -> Result<(Vec<u8>, Finding), DrandError> {
    let network = Network::of(chain).ok_or_else(|| DrandError::Network {
        chain: hex::encode(chain),
    })?;
    let expected = network.signature_bytes() + network.previous_bytes(round);
    if evidence.len() != expected {
        return Err(DrandError::Length {
            expected,
            got: evidence.len(),
        });
    }
    let (signature, previous) = evidence.split_at(network.signature_bytes());
    if !network.is_signed(round, previous, signature)? {
        return Err(DrandError::Signature);
    }
    let finding = Finding::Drand {
        network,
        round,
        published: network.time_of(round),
    };
    Ok((Sha256::digest(signature).to_vec(), finding))
}

/// Why a drand round is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DrandError {
    /// Not one of the public networks.
    #[error("no network with the chain hash {chain} is known here")]
    Network {
        /// The chain hash, in hexadecimal.
        chain: String,
    },
    /// Not a signature, or not with the one before it.
    #[error(
        "evidence of {got} bytes, expected {expected}: the signature and, in the chained network, the one before it"
    )]
    Length {
        /// Bytes for this network and round.
        expected: usize,
        /// Bytes found.
        got: usize,
    },
    /// Bytes that are not a point of the group, in its one encoding.
    #[error("the signature is not a point of the group")]
    Point,
    /// A signature of something else, or of someone else.
    #[error("the signature is not the network's on this round")]
    Signature,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The chain hash is SHA-256 of period, genesis time, public key, group hash and, but for
    /// `default`, the beacon id (drand's `chain.Info`): so the constants here are the networks'.
    #[test]
    fn chain_hashes_are_those_of_the_constants() {
        let groups: [[u8; 32]; 2] = [
            bytes("176f93498eac9ca337150b46d21dd58673ea4e3581185f869672e59fa4cb390a"),
            bytes("f477d5c89f21a17c863a7f937c6a6d15859414d2be09cd448d4279af331c5d3e"),
        ];
        let keys: [&[u8]; 2] = [&DEFAULT_KEY, &QUICKNET_KEY];
        for ((network, group), key) in Network::ALL.into_iter().zip(groups).zip(keys) {
            let mut hash = Sha256::new();
            hash.update(u32::try_from(network.period()).unwrap().to_be_bytes());
            hash.update(network.genesis().to_be_bytes());
            hash.update(key);
            hash.update(group);
            if network != Network::Default {
                hash.update(network.name());
            }
            assert_eq!(<[u8; 32]>::from(hash.finalize()), network.chain_hash());
        }
    }

    #[test]
    fn rounds_and_times() {
        for network in Network::ALL {
            assert_eq!(network.time_of(1), network.genesis());
            for round in [1, 2, 1000, 123_456_789] {
                let time = network.time_of(round);
                assert_eq!(network.round_at(time), round);
                assert_eq!(network.round_at(time + 1), round + 1);
                assert_eq!(network.round_at(time - network.period() + 1), round);
            }
        }
        assert_eq!(Network::Quicknet.time_of(u64::MAX), u64::MAX);
    }
}
