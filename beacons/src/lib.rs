//! Evidence of public randomness, checked offline.
//!
//! A plan announces [sources](BeaconSource) before their values exist. When a value is out, anyone
//! can get bytes that show it — a signature, block headers, a proof — from anywhere; this crate
//! takes those bytes as hostile and gives the value, or says what is wrong:
//!
//! | source | evidence | value |
//! |---|---|---|
//! | drand, chained and quicknet | BLS signature (chained: and the one before it) | SHA-256 of the signature |
//! | Ethereum | the block's header, RLP | `prevrandao` |
//! | Bitcoin | headers from a known block to the last confirmation | hash of the block |
//! | VRF (RFC 9381) | proof | output |
//! | words | nothing | bytes as they are |
//!
//! ```
//! use nascent_beacons::{Finding, establish};
//!
//! let source = nascent_beacons::parse_source("drand:network=quicknet,round=123")?;
//! let signature = "b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
//!                  e26cd02df835d3546d23c4b13e0dfc92";
//! let signature = hex::decode(signature).expect("hexadecimal digits");
//! let (value, finding) = establish(source, signature)?;
//! assert!(matches!(finding, Finding::Drand { .. }));
//! assert_eq!(value.value.len(), 32);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! [`Finding`] says what a piece of evidence shows and what it leaves open: the two lists belong
//! beside every value that is used. Evidence that holds is not enough for a value to count as
//! *established* ([`Finding::established_by`]): nobody may have been able to make it to suit.

mod bitcoin;
mod drand;
mod ethereum;
#[cfg(feature = "fetch")]
pub mod fetch;
mod finding;
mod json;
mod text;
mod vrf;

pub use bitcoin::{BitcoinError, FLOOR_HEADER_BITS, FLOOR_TOTAL_BITS};
pub use drand::{DrandError, Network};
pub use ethereum::EthereumError;
pub use finding::{Finding, condition};
pub use json::{JsonError, evidence_from_json};
pub use text::{SourceError, parse_source};
pub use vrf::VrfError;

use nascent_verifier::{BeaconError, BeaconSource, BeaconValue, Format};

/// Checks a value with its evidence.
///
/// # Errors
///
/// If the evidence is not what the source calls for, or the value is not the evidence's.
pub fn check(value: &BeaconValue) -> Result<Finding, EvidenceError> {
    value.validate()?;
    if let BeaconSource::Words(_) = value.source {
        return Ok(Finding::Words);
    }
    let (expected, finding) = examine(&value.source, &value.evidence)?;
    if expected == value.value {
        Ok(finding)
    } else {
        Err(EvidenceError::OtherValue)
    }
}

/// The value that a piece of evidence shows.
///
/// # Errors
///
/// If the evidence is not what the source calls for. Words have no evidence.
pub fn establish(
    source: BeaconSource,
    evidence: Vec<u8>,
) -> Result<(BeaconValue, Finding), EvidenceError> {
    source.validate()?;
    let (value, finding) = examine(&source, &evidence)?;
    let value = BeaconValue {
        source,
        value,
        evidence,
    };
    value.validate()?;
    Ok((value, finding))
}

fn examine(source: &BeaconSource, evidence: &[u8]) -> Result<(Vec<u8>, Finding), EvidenceError> {
    match source {
        BeaconSource::Words(_) => Err(EvidenceError::NoEvidence),
        BeaconSource::Drand { chain, round } => Ok(drand::examine(chain, *round, evidence)?),
        BeaconSource::Ethereum { chain, number } => {
            Ok(ethereum::examine(*chain, *number, evidence)?)
        }
        BeaconSource::Bitcoin {
            anchor,
            height,
            confirmations,
            bits,
            ..
        } => {
            let wanted = bitcoin::Wanted {
                anchor,
                headers: source.headers(),
                height: *height,
                confirmations: *confirmations,
                bits: *bits,
            };
            Ok(bitcoin::examine(&wanted, evidence)?)
        }
        BeaconSource::Vrf { key, alpha } => Ok(vrf::examine(key, alpha, evidence)?),
    }
}

/// Why evidence is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Source or value are not valid by themselves.
    #[error(transparent)]
    Format(#[from] BeaconError),
    /// Words have none.
    #[error("a source in words has no evidence")]
    NoEvidence,
    /// The evidence holds, and shows another value.
    #[error("the evidence shows another value than the one given")]
    OtherValue,
    /// A drand round.
    #[error("drand: {0}")]
    Drand(#[from] DrandError),
    /// An Ethereum header.
    #[error("Ethereum header: {0}")]
    Ethereum(#[from] EthereumError),
    /// A Bitcoin header chain.
    #[error("Bitcoin headers: {0}")]
    Bitcoin(#[from] BitcoinError),
    /// A VRF proof.
    #[error("VRF: {0}")]
    Vrf(#[from] VrfError),
}
