//! Tests of the inference front end, in one binary.

#[expect(dead_code, reason = "these tests use a part of it")]
#[path = "../common/mod.rs"]
mod common;

mod cases;
mod convolutions;
mod derived;
mod golden;
mod hostile;
mod loose;
mod lowering;
mod masks;
mod models;
mod nodes;
mod operators;
mod options;
mod patterns;
mod ranking;

use nascent_compiler::infer::{
    Compiled, InferError, Model, Named, Options, Samples, Tensor, compile, samples,
};
use std::path::PathBuf;

/// A bundled model's file.
fn path(name: &str) -> PathBuf {
    common::example(&format!("inference/{name}"))
}

/// A bundled model with its samples.
fn bundled(name: &str) -> (Vec<u8>, Samples) {
    let bytes = std::fs::read(path(&format!("{name}.onnx"))).unwrap();
    let samples = samples::open(&[&path(&format!("{name}.samples.npz"))]).unwrap();
    (bytes, samples)
}

/// Quantizes bytes with default options.
fn quantize(bytes: &[u8], samples: &Samples) -> Result<Compiled, InferError> {
    compile(&Model::new(bytes), &Options::default(), samples)
}

/// Samples for the only input.
fn only(shape: &[usize], values: Vec<f32>) -> Samples {
    Samples {
        arrays: vec![Named {
            name: None,
            tensor: Tensor::float(shape, values).unwrap(),
        }],
    }
}
