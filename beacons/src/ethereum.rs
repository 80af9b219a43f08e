//! Ethereum: a block's header.
//!
//! A header is an RLP list; the block hash is its Keccak-256. Since the merge `mixHash` carries
//! `prevrandao`: the beacon chain's RANDAO mix, to which each proposer adds a signature that it
//! can withhold but not choose (EIP-4399). The block hash itself is no randomness: whoever builds
//! the block can try many.
//!
//! The field list is the yellow paper's with the forks since; later forks append fields:
//!
//! ```text
//!  0 parentHash   1 ommersHash  2 beneficiary  3 stateRoot    4 transactionsRoot  5 receiptsRoot
//!  6 logsBloom    7 difficulty  8 number       9 gasLimit    10 gasUsed          11 timestamp
//! 12 extraData   13 mixHash    14 nonce       15 baseFeePerGas (London)
//! 16 withdrawalsRoot (Shanghai) 17 blobGasUsed 18 excessBlobGas 19 parentBeaconBlockRoot (Cancun)
//! 20 requestsHash (Prague)
//! ```

use crate::Finding;
use alloy_rlp::Header;
use nascent_verifier::digest::keccak256;

/// Fields since the merge (Paris).
const FEWEST_FIELDS: usize = 16;
/// Room for forks to come; their fields are hashed and not read.
const MOST_FIELDS: usize = 32;
/// Most bytes of a header: the bloom filter, and 32 for each other field.
const MAX_BYTES: usize = 2048;

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// Exactly so many bytes.
    Bytes(usize),
    /// An integer of at most so many bytes, without leading zeros.
    Integer(usize),
    /// At most so many bytes.
    UpTo(usize),
}

/// Fields by their JSON-RPC names, in order.
pub(crate) const FIELDS: [(&str, Field); 21] = [
    ("parentHash", Field::Bytes(32)),
    ("sha3Uncles", Field::Bytes(32)),
    ("miner", Field::Bytes(20)),
    ("stateRoot", Field::Bytes(32)),
    ("transactionsRoot", Field::Bytes(32)),
    ("receiptsRoot", Field::Bytes(32)),
    ("logsBloom", Field::Bytes(256)),
    ("difficulty", Field::Integer(32)),
    ("number", Field::Integer(8)),
    ("gasLimit", Field::Integer(8)),
    ("gasUsed", Field::Integer(8)),
    ("timestamp", Field::Integer(8)),
    ("extraData", Field::UpTo(32)),
    ("mixHash", Field::Bytes(32)),
    ("nonce", Field::Bytes(8)),
    ("baseFeePerGas", Field::Integer(32)),
    ("withdrawalsRoot", Field::Bytes(32)),
    ("blobGasUsed", Field::Integer(8)),
    ("excessBlobGas", Field::Integer(8)),
    ("parentBeaconBlockRoot", Field::Bytes(32)),
    ("requestsHash", Field::Bytes(32)),
];

const DIFFICULTY: usize = 7;
const NUMBER: usize = 8;
const TIMESTAMP: usize = 11;
const MIX_HASH: usize = 13;

/// Evidence: the header's RLP, exactly.
pub(crate) fn examine(
    chain: u64,
    number: u64,
    evidence: &[u8],
) -> Result<(Vec<u8>, Finding), EthereumError> {
    let fields = decode(evidence)?;
    let field = |index: usize| fields.get(index).copied().unwrap_or_default();
    if !field(DIFFICULTY).is_empty() {
        return Err(EthereumError::BeforeMerge);
    }
    let got = integer(field(NUMBER));
    if got != number {
        return Err(EthereumError::Number {
            expected: number,
            got,
        });
    }
    let finding = Finding::Ethereum {
        chain,
        number,
        hash: keccak256(&[evidence]),
        timestamp: integer(field(TIMESTAMP)),
    };
    Ok((field(MIX_HASH).to_vec(), finding))
}

/// The fields, each of the form that it must have.
fn decode(evidence: &[u8]) -> Result<Vec<&[u8]>, EthereumError> {
    if evidence.len() > MAX_BYTES {
        return Err(EthereumError::Rlp);
    }
    let mut rest = evidence;
    let list = Header::decode(&mut rest).map_err(|_| EthereumError::Rlp)?;
    if !list.list || list.payload_length != rest.len() {
        return Err(EthereumError::Rlp);
    }
    let mut fields = Vec::new();
    while !rest.is_empty() {
        if fields.len() == MOST_FIELDS {
            return Err(EthereumError::Fields {
                got: MOST_FIELDS + 1,
            });
        }
        let field = Header::decode_bytes(&mut rest, false).map_err(|_| EthereumError::Rlp)?;
        fields.push(field);
    }
    // A fork either has all its fields or is not there.
    if !matches!(fields.len(), FEWEST_FIELDS | 17 | 20..) {
        return Err(EthereumError::Fields { got: fields.len() });
    }
    for (value, (name, field)) in fields.iter().zip(FIELDS) {
        let holds = match field {
            Field::Bytes(length) => value.len() == length,
            Field::UpTo(limit) => value.len() <= limit,
            Field::Integer(limit) => value.len() <= limit && value.first() != Some(&0),
        };
        if !holds {
            return Err(EthereumError::Field { name });
        }
    }
    Ok(fields)
}

/// A big-endian integer of at most eight bytes.
fn integer(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(0, |value, byte| value << 8 | u64::from(*byte))
}

/// Why a header is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EthereumError {
    /// Not one RLP list of byte strings, to the last byte.
    #[error("not the RLP of a header, or with something before or after it")]
    Rlp,
    /// Not as many fields as a header of any fork has.
    #[error("{got} fields: not a header of a block since the merge")]
    Fields {
        /// Fields found.
        got: usize,
    },
    /// A field of the wrong length, or a number with leading zeros.
    #[error("the field {name} is not well formed")]
    Field {
        /// The field's JSON-RPC name.
        name: &'static str,
    },
    /// A block with proof of work: its `mixHash` is no randomness.
    #[error("a block before the merge has no prevrandao")]
    BeforeMerge,
    /// Another block.
    #[error("the header is that of block {got}, expected {expected}")]
    Number {
        /// Number announced.
        expected: u64,
        /// Number found.
        got: u64,
    },
}
