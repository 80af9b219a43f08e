//! Relayouts, and whole chains with one in them: real proofs, and what is refused.
//!
//! - [`setting`]: the model of both.

mod chain;
mod relayout;
mod setting;
