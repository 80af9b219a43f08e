//! A quantized model and inputs for it.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::output::Context;
use crate::paths::Paths;
use nascent::model::{GRAPH, Inputs, PARAMS, PORTS, Port, Quantized, samples};
use nascent_verifier::text::Quoted;
use serde_json::json;
use std::path::PathBuf;

/// A quantized model and an input for it.
#[derive(Debug, clap::Args)]
pub struct Subject {
    /// The folder that `nascent compile` wrote
    pub folder: PathBuf,
    /// The input (.npy, .npz, .json): real numbers
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

impl Subject {
    /// The files that are read.
    pub fn declare(&self, paths: Paths) -> Paths {
        let model = [GRAPH, PARAMS, PORTS].map(|name| self.folder.join(name));
        paths
            .read("the model", model)
            .read("--input", [&self.input])
    }

    /// The model, and the first inputs of the file, at most so many.
    pub fn load(&self, most: usize) -> Result<(Quantized, Inputs)> {
        let model = Quantized::open(&self.folder)?;
        let doing = || format!("input {}", self.input.display());
        let given = samples::open(&[&self.input]);
        let given = given.or_fail(Kind::Input).doing(doing())?;
        let inputs = model.inputs(&given, most);
        let inputs = inputs.map_err(Failure::from).doing(doing())?;
        Ok((model, inputs))
    }
}

/// Prints the first numbers of each output; all of them as JSON.
pub fn show_outputs(context: &Context, ports: &[Port], values: &[i64]) -> Vec<serde_json::Value> {
    let mut rest = values;
    let mut shown = Vec::new();
    for port in ports {
        let (own, next) = rest.split_at(port.shape.iter().product::<usize>().min(rest.len()));
        rest = next;
        let real = port.dequantize(own.iter().copied());
        let first: Vec<String> = real.iter().take(16).map(|v| format!("{v:.5}")).collect();
        let more = if real.len() > 16 { " .." } else { "" };
        let name = Quoted(&port.name).to_string();
        context.result(format!("{name:<18}{}{more}", first.join(" ")));
        shown.push(json!({
            "name": port.name, "shape": port.shape, "values": real, "integers": own,
        }));
    }
    shown
}
