//! Tests across crates, in one binary.

#[path = "../../../compiler/tests/infer/cases.rs"]
mod cases;
#[path = "../../../compiler/tests/common/mod.rs"]
mod common;

mod lowered;
mod onnx_chain;
mod operator_costs;
