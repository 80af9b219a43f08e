//! From a file to weights with fills, in one binary: architectures, rules, digests, and what is written
//! back.

#[path = "../common/mod.rs"]
mod common;

mod bundled;
mod digest;
mod hostile;
mod mutated_onnx;
mod mutated_text;
mod roles;
mod rules;
mod write;
