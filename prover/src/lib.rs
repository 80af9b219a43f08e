//! Keys, witnesses, proofs, and the export of the verifier's data.

pub mod derive;
pub mod export;
pub mod transcript;
