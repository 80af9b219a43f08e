//! Light verifier: canonical formats, transcript and the KZG check, without halo2.
//!
//! The crate is `no_std` (with `alloc`) and depends on no other crate of this
//! project. Everything that enters from outside goes through a `decode`
//! function that bounds sizes, refuses a second encoding of the same value and
//! returns a typed error; what comes out is a validated value.
//!
//! # Verifying an initialization
//!
//! ```
//! use nascent_verifier::{Format, InitBundle, Srs, VerifyingKey, verify_init};
//!
//! # let bundle_bytes = include_bytes!("../tests/fixtures/toy.init");
//! # let uniform_bytes = include_bytes!("../tests/fixtures/uniform.vk");
//! # let normal_bytes = include_bytes!("../tests/fixtures/normal.vk");
//! # let srs_bytes = include_bytes!("../tests/fixtures/development.srs");
//! let srs = Srs::decode(srs_bytes)?;
//! let keys = [
//!     VerifyingKey::decode(uniform_bytes)?,
//!     VerifyingKey::decode(normal_bytes)?,
//! ];
//! let bundle = InitBundle::decode(bundle_bytes)?;
//! let report = verify_init(
//!     &bundle,
//!     |digest| keys.iter().find(|key| key.digest() == digest),
//!     &srs,
//! )?;
//! assert_eq!(report.proofs, 3);
//! assert!(report.development_srs);
//! for claim in &report.proved {
//!     println!("proved: {claim}");
//! }
//! for gap in &report.not_proved {
//!     println!("not proved: {gap}");
//! }
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![no_std]

extern crate alloc;

pub mod batch;
pub mod beacon;
pub mod bundle;
pub mod chain;
mod challenges;
pub mod codec;
pub mod digest;
pub mod encoding;
mod glv;
pub mod inference;
pub mod init;
mod instance;
pub mod link;
mod msm;
mod openings;
pub mod plan;
pub mod poseidon2;
pub mod proof;
mod quotient;
pub mod relayout;
pub mod report;
pub mod spec;
pub mod srs;
pub mod statement;
pub mod text;
pub mod transcript;
mod verify;
pub mod vk;
pub mod weight_digest;
pub mod workers;

pub use batch::{BatchError, BatchVerifier, verify_proof, verify_proof_weights};
pub use beacon::{Announcement, Beacon, BeaconError, BeaconSource, BeaconValue};
pub use bundle::{BundleError, InitBundle, StreamProofs, TileProof};
pub use chain::{Chain, ChainError, ChainReport, verify_chain};
pub use codec::{Format, FormatError};
pub use digest::Digest32;
pub use inference::{
    Hidden, InferenceBundle, InferenceError, InferenceReport, verify_inference,
    verify_inference_by, verify_inference_weights, verify_inference_with,
};
pub use init::{VerifyError, verify_init, verify_init_weights, verify_init_with};
pub use link::{CommitmentData, Links, ProvedWeights, WeightCommitment};
pub use plan::{PUBLIC_SEED_PK, Plan, PlanError};
pub use proof::{Proof, ProofError};
pub use relayout::{
    MAX_COLUMNS as MAX_RELAYOUT_COLUMNS, RelayoutBundle, RelayoutColumns, RelayoutError,
    RelayoutReport, RelayoutStatement, RelayoutTile, verify_relayout, verify_relayout_columns,
};
pub use report::{NotProved, Proved, Report, Seed, StreamReport};
pub use spec::{
    Distribution, Fill, KeptTensor, ModelSpec, Precision, SpecError, StreamSpec, TensorSpec,
};
pub use srs::{Srs, SrsError};
pub use statement::{TileStatement, transcript_prefix};
pub use vk::{CircuitKind, TileShape, VerifyingKey, VkData, VkError, WeightColumns};
pub use weight_digest::{HashChainValue, hash_chain_start, weight_digest};
pub use workers::{Alone, Workers};
