//! Proofs that a model's weights came from public randomness, and that its answers are theirs: the use
//! cases, for a service, a worker or a command.
//!
//! One module for each thing that there is to do, in the order of the story: a [`plan`], the
//! [`evidence`] of its beacon's value, what they [derive](mod@derive), an [`initialization`], a [`model`] as integers, a published
//! [`commitment`], an [`answer`], a [`relayout`], and the [`chain`] that holds them together.
//! [`given`] is what a verifier holds files against. [`srs`] and [`keys`] are what all of them need.
//!
//! Each call takes typed values and a [`Setting`], and gives a typed verdict; its `report()` is what the
//! command prints with `--json`. Errors say of which [`Kind`] they are and what to do next
//! ([`Failure`]). Nothing here prints, ends the process, or reads an environment variable; files are
//! read where a path is an argument, and in the cache's folder.
//!
//! # Verifying an initialization
//!
//! ```
//! use nascent::given::Given;
//! use nascent::{Setting, initialization, srs};
//! use nascent_verifier::{Format, InitBundle, VerifyingKey};
//!
//! # let bundle_bytes = include_bytes!("../../verifier/tests/fixtures/toy.init");
//! # let uniform_bytes = include_bytes!("../../verifier/tests/fixtures/uniform.vk");
//! # let normal_bytes = include_bytes!("../../verifier/tests/fixtures/normal.vk");
//! # let cache = std::env::temp_dir().join("nascent-doc");
//! let setting = Setting { cache, memory: Setting::MEMORY, observer: &() };
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

pub mod answer;
pub mod calibration;
pub mod chain;
pub mod commitment;
pub mod derive;
pub mod error;
pub mod evidence;
pub mod files;
pub mod fills;
pub mod given;
pub mod initialization;
pub mod keys;
pub mod model;
pub mod plan;
pub mod relayout;
pub mod secret;
pub mod setting;
pub mod srs;
pub mod words;

pub use nascent_compiler::{Limits, Rules};
pub use nascent_verifier::{
    Announcement, Beacon, BeaconSource, BeaconValue, Chain, CommitmentData, Digest32, Format,
    InferenceBundle, InitBundle, Links, ModelSpec, Plan, RelayoutBundle, VerifyingKey,
};

pub use error::{Cancelled, Failure, Kind};
pub use setting::{Observer, Pool, Setting};
