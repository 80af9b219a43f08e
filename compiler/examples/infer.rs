//! Quantizes an ONNX model and prints the report.
//!
//! ```text
//! cargo run --release -p nascent-compiler --example infer -- model.onnx [samples.npz]...
//! ```

use nascent_compiler::infer::{Model, Options, compile, samples};
use std::path::{Path, PathBuf};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut paths = std::env::args_os().skip(1).map(PathBuf::from);
    let path = paths.next().ok_or("expected a model")?;
    let others: Vec<PathBuf> = paths.collect();
    let others: Vec<&Path> = others.iter().map(PathBuf::as_path).collect();
    let bytes = std::fs::read(&path)?;
    let model = Model {
        bytes: &bytes,
        folder: path.parent(),
    };
    let samples = samples::open(&others)?;
    let mut options = Options::default();
    if let Some(bits) = std::env::var_os("TABLE_BITS") {
        options.table_bits = bits.to_str().and_then(|bits| bits.parse().ok());
    }
    let compiled = compile(&model, &options, &samples)?;
    print!("{}", compiled.report);
    Ok(())
}
