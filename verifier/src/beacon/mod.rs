//! Beacons: what a plan announces, and the values that came.
//!
//! This crate holds values against the plan's list of sources and hashes them. Whether a value is
//! its source's — signatures, proof of work, hashes — is in the *evidence*, which is carried here
//! as bytes and checked by the crate `nascent-beacons`.

mod announcement;
mod error;
mod source;
mod value;

pub use announcement::Announcement;
pub use error::BeaconError;
pub use source::BeaconSource;
pub use value::{Beacon, BeaconValue};

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

/// Checks a number of sources or values.
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
