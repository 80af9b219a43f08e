//! The representation against its definition: references, refusals, bytes.

mod common;
mod compose;
mod contractions;
mod elementwise;
mod encoding;
mod origins;
mod reject;
mod views;
