//! Light verifier: canonical formats, transcript and the KZG check, without halo2.
//!
//! The crate is `no_std` (with `alloc`) and depends on no other crate of this
//! project. Everything that enters from outside goes through a `decode`
//! function that bounds sizes, refuses a second encoding of the same value and
//! returns a typed error; what comes out is a validated value.
#![no_std]

extern crate alloc;

pub mod bundle;
pub mod codec;
pub mod digest;
pub mod encoding;
pub mod plan;
pub mod spec;
pub mod statement;

pub use bundle::{InitBundle, StreamProofs, TileProof};
pub use codec::{Format, FormatError};
pub use digest::Digest32;
pub use plan::{Beacon, Plan};
pub use spec::{Distribution, Fill, ModelSpec, Precision, SpecError, StreamSpec, TensorSpec};
pub use statement::{TileStatement, transcript_prefix};
