//! Keys, witnesses, proofs, links, and the export of the verifier's data.

pub mod backend;
pub mod derive;
pub mod error;
pub mod estimate;
pub mod export;
mod files;
pub mod inference;
pub mod job;
pub mod keys;
pub mod link;
pub mod plonk;
pub mod relayout;
mod sheet;
pub mod tile;
pub mod transcript;
