//! Proofs that a model's weights came from public randomness, and that its answers are theirs: the use
//! cases, for a service, a worker or a command.
//!
//! One module for each thing that there is to do, in the order of the story: a [`plan`], the
//! [`evidence`] of its beacon's value, what they [derive](mod@derive), an [`initialization`], a [`model`] as integers, a published
//! [`commitment`], an [`answer`], a [`relayout`], and the [`chain`] that holds them together.
//! [`given`] is what a verifier holds files against. [`srs`] and [`keys`] are what all of them need.
//!
//! Each call takes typed values and a [`Setting`], and gives a typed result; its `report()` is what the
//! command prints with `--json`. Errors say of which [`Kind`] they are and what to do next
//! ([`Failure`]). An [`Observer`] is told how work goes on, and may stop it. Randomness, clock and folders
//! are arguments. Nothing here prints, ends the process, or reads an environment variable; files are
//! read where a path is an argument, and in the cache's folder.
//!
//! # Verifying a chain
//!
//! ```no_run
//! use nascent::{Chain, Rules, Setting, chain, files, given::Given, model::ModelFile, srs};
//!
//! let chain: Chain = files::read("model.chain".as_ref())?;
//! let (setting, plan) = (Setting::new("cache"), files::read("model.plan".as_ref())?);
//! let (model, rules) = (ModelFile::open("model.onnx".as_ref())?, Rules::default());
//! let srs = srs::of_verifier(&setting, chain.srs_digest())?;
//! let verdict = chain::verify(&setting, &chain, &srs, &Given::new(&plan, &model, &rules), None)?;
//! verdict.story.steps.iter().for_each(|step| println!("{}: {:?}, open: {:?}", step.title, step.shown, step.open));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A chain that holds shows what its story says. What was asked for, or depends on something that nobody
//! gave, stands in `verdict.not_shown`: look at it before anything else.
//!
//! # The whole story
//!
//! From a model's architecture and a round of drand to a verified answer. The development SRS is for trying
//! things out: its trapdoor is public, and anyone can forge proofs under it.
//!
#![doc = concat!("```\n", include_str!("../examples/story.rs"), "\n```")]

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
