//! Soundness of the tile and its chips: every constraint is needed, every attack is refused.
//!
//! - [`manifest`]: for each constraint, a forged witness that it alone refuses;
//! - [`determined`]: which cells follow from the secret, and which are free;
//! - [`attacks`]: attacks by name; [`digest`]: those on the weight digest;
//! - [`canonical`], [`logup`]: the chips alone, at boundary values;
//! - [`proofs`]: forged witnesses through the library's prover and verifier;
//! - [`costs`]: golden names and costs, rewritten by
//!   `NASCENT_BLESS=1 cargo test -p nascent-circuits --test soundness golden`.

mod attacks;
mod canonical;
mod costs;
mod determined;
mod digest;
mod harness;
mod logup;
mod manifest;
mod proofs;
mod search;
