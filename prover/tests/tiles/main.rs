//! Tiles in one binary: keys and their export, proofs of both provers, whole initializations.

mod export;
mod init;
mod keys;
mod plonk;
