//! Initializations: that weights come from a plan and its beacon's value; proofs of it, and their
//! verification.
//!
//! ```
//! use nascent::given::Given;
//! use nascent::{Format, InitBundle, Setting, VerifyingKey, initialization, srs};
//!
//! # let bundle_bytes = include_bytes!("../../../verifier/tests/fixtures/toy.init");
//! # let uniform_bytes = include_bytes!("../../../verifier/tests/fixtures/uniform.vk");
//! # let normal_bytes = include_bytes!("../../../verifier/tests/fixtures/normal.vk");
//! let setting = Setting::new(std::env::temp_dir().join("nascent-doc"));
//! let bundle = InitBundle::decode(bundle_bytes)?;
//! // The development SRS, for trying things out: anyone can forge proofs under it.
//! let verifier = srs::of_proofs(&setting, &bundle.srs_digest, None, true)?;
//! let mut given = Given::default();
//! for key in [&uniform_bytes[..], &normal_bytes[..]] {
//!     given.keys.beside.push(VerifyingKey::decode(key)?);
//! }
//! let verdict = initialization::verify(&setting, &bundle, &verifier, &given, None)?;
//! assert_eq!(verdict.report.proofs, 3);
//! // The keys came with the proofs, and nobody said what the beacon's value is.
//! assert_eq!(verdict.not_shown.len(), 2);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod prove;
mod verify;

pub use nascent_prover::estimate::Estimate;
pub use nascent_prover::job::{
    Event, Finished, JobError, MemoryLimit, Options, Standing, TileSize,
};
pub use prove::{EstimateReport, Job, Made, MadeReport, Prover, StreamEstimate};
pub use verify::*;
