//! What each fuzz target does with its input.
//!
//! A function per target, plain code without the fuzzer, so that an input can be
//! replayed under any tool. Each decodes hostile bytes, uses whatever decoded in
//! every way the project does, and panics when a property fails: a second
//! encoding of a value, an accepted change of a statement or a proof, a result
//! that depends on the run. Panics, time and memory of the code under test are
//! the fuzzer's to notice.

#[cfg(feature = "inference")]
pub mod architecture;
#[cfg(feature = "audit")]
pub mod audit;
pub mod bundle;
#[cfg(feature = "inference")]
pub mod chain;
#[cfg(feature = "inference")]
pub mod commitment;
#[cfg(feature = "beacons")]
pub mod evidence;
pub mod fixture;
#[cfg(feature = "inference")]
pub mod inference;
#[cfg(feature = "inference")]
pub mod links;
#[cfg(feature = "compiler")]
pub mod model;
#[cfg(feature = "inference")]
pub mod origins;
#[cfg(feature = "inference")]
pub mod parameters;
pub mod proof;
#[cfg(feature = "inference")]
pub mod proved;
#[cfg(feature = "inference")]
pub mod rederive_key;
#[cfg(feature = "inference")]
pub mod relayout;
#[cfg(feature = "seeds")]
pub mod seeds;
#[cfg(feature = "params")]
pub mod srs;
pub mod srs_file;
pub mod verifying_key;

use nascent_verifier::Format;

/// A value whose only encoding these bytes are.
fn decode<T: Format>(data: &[u8]) -> Option<T> {
    let value = T::decode(data).ok()?;
    let encoded = value.encode().expect("a value that was decoded");
    assert_eq!(encoded, data, "a second encoding");
    Some(value)
}
