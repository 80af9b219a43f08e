//! Tests across crates, in one binary.

#[path = "../../../compiler/tests/infer/cases.rs"]
mod cases;
#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "../../../compiler/tests/common/mod.rs"]
mod common;
mod house;

mod lowered;
mod onnx_chain;
mod operator_costs;
