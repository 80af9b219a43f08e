//! A quantized model and inputs for it.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::folder::{GRAPH, PARAMS, PORTS, read_graph, read_ports};
use crate::output::Context;
use crate::paths::Paths;
use nascent_compiler::infer::{Port, Values, samples};
use nascent_ir::{CheckedGraph, Params};
use nascent_verifier::text::Quoted;
use serde_json::json;
use std::path::{Path, PathBuf};

/// A quantized model and an input for it.
#[derive(Debug, clap::Args)]
pub struct Subject {
    /// The folder that `nascent compile` wrote
    pub folder: PathBuf,
    /// The input (.npy, .npz, .json): real numbers
    #[arg(long, value_name = "FILE")]
    input: PathBuf,
}

/// A model and inputs, as integers.
pub struct Loaded {
    pub graph: CheckedGraph,
    pub params: Params,
    /// For each sample, the values of each input.
    pub samples: Vec<Vec<Vec<i32>>>,
    /// Whether the samples stand along an axis of their own, and not along the inputs' first.
    pub stacked: bool,
    pub inputs: Vec<Port>,
    pub outputs: Vec<Port>,
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
    pub fn load(&self, most: usize) -> Result<Loaded> {
        let [inputs, outputs] = read_ports(&self.folder)?;
        let graph = read_graph(&self.folder.join(GRAPH))?;
        let params: Params = files::read(&self.folder.join(PARAMS))?;
        params.check(&graph).or_fail(Kind::Input)?;
        let (samples, stacked) = read_inputs(&self.input, &inputs, most)
            .doing(format!("input {}", self.input.display()))?;
        Ok(Loaded {
            graph,
            params,
            samples,
            stacked,
            inputs,
            outputs,
        })
    }
}

/// One array for each input, rounded to its integers: the first samples, at most so many; and
/// whether they stand along an axis of their own.
fn read_inputs(path: &Path, ports: &[Port], most: usize) -> Result<(Vec<Vec<Vec<i32>>>, bool)> {
    let given = samples::open(&[path]).or_fail(Kind::Input)?;
    let mut stacked = false;
    let mut of_ports: Vec<Vec<Vec<i32>>> = Vec::with_capacity(ports.len());
    for port in ports {
        let named = given
            .arrays
            .iter()
            .find(|array| array.name.as_deref() == Some(&port.name));
        let only = (ports.len() == 1).then(|| given.arrays.first()).flatten();
        let array = named.or(only).ok_or_else(|| {
            Failure::new(
                Kind::Input,
                format!("no array for the input {}", Quoted(&port.name)),
            )
            .help("name the arrays of an .npz or .json file like the inputs")
        })?;
        stacked |= array.tensor.shape().len() > port.shape.len();
        let values: Vec<f32> = match array.tensor.values() {
            Values::Float(values) => values.to_vec(),
            Values::Int(values) => values.iter().map(|&v| v as f32).collect(),
            Values::Withheld => Vec::new(),
        };
        let one: usize = port.shape.iter().product();
        // A file of several samples.
        let parts = if values.len() > one && values.len().is_multiple_of(one) {
            values.chunks(one).take(most).collect()
        } else {
            vec![&values[..]]
        };
        let rounded = parts.into_iter().map(|part| port.quantize(part));
        let rounded = rounded.collect::<std::result::Result<_, _>>();
        of_ports.push(rounded.or_fail(Kind::Input)?);
    }
    let counts: Vec<usize> = of_ports.iter().map(Vec::len).collect();
    let count = counts.first().copied().unwrap_or(0);
    if counts.iter().any(|&other| other != count) {
        let message = format!("the inputs have {counts:?} samples");
        return Err(Failure::new(Kind::Input, message).help("give as many of each"));
    }
    let mut samples = vec![Vec::with_capacity(ports.len()); count];
    for values in of_ports {
        for (sample, values) in samples.iter_mut().zip(values) {
            sample.push(values);
        }
    }
    Ok((samples, stacked))
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
