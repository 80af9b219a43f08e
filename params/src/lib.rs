//! The structured reference string: import, check, derive, cache.
//!
//! A KZG proof is made with the powers `[tau^i]_1` of a secret tau and verified with `[tau]_2`.
//! This crate brings such a string from a ceremony's file ([`Srs::import_ptau`],
//! [`Srs::import_halo2_raw`]) or generates the deterministic *development* one
//! ([`Srs::development`]), whose tau is public, so that proofs under it are forgeable. Whatever
//! comes from a file passes every check of [`Srs::check`] before it becomes a value.
//!
//! ```
//! use nascent_params::{Silent, Srs};
//!
//! let srs = Srs::development(6, &Silent)?;
//! assert!(srs.is_development());
//! srs.check(&Silent)?;
//! let smaller = srs.derive(4, &Silent)?;
//! assert_eq!(smaller.identity(), srs.identity());
//! # Ok::<(), nascent_params::ParamsError>(())
//! ```

pub mod atomic;
mod batch_affine;
mod cache;
mod cache_file;
mod check;
mod comb;
mod decompose;
mod derive;
mod development;
mod domain;
mod error;
mod halo2_raw;
mod identity;
mod parts;
mod progress;
mod ptau;
mod source;
mod srs;
mod transform;

pub use cache::{CacheEntry, SrsCache};
pub use development::development_tau;
pub use domain::{MAX_K, MIN_K};
pub use error::{Basis, CheckError, FormatError, ParamsError, PointName};
pub use progress::{Progress, Silent, Step};
pub use ptau::ImportOptions;
pub use srs::{CeremonyFile, Provenance, SourceFormat, Srs, development_identity};
