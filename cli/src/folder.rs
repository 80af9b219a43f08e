//! The folder of a compiled model: names of its files, and what reads them.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::paths::Paths;
use nascent_compiler::infer::Port;
use nascent_ir::limits::MAX_ELEMENTS;
use nascent_ir::{CheckedGraph, Origins};
use nascent_verifier::ModelSpec;
use nascent_verifier::codec::Format;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Name of the architecture's file in a folder.
pub const GRAPH: &str = "model.graph";
/// Name of the parameters' file.
pub const PARAMS: &str = "model.params";
/// Name of the list that says which weight is which deviate of a plan; those of earlier plans that
/// weights are inherited from have a number behind it, from 1.
pub const ORIGINS: &str = "model.origins";
/// Name of the profile's file: what samples and weights decided.
pub const PROFILE: &str = "model.profile";
/// Name of the file with the scales of inputs and outputs.
pub const PORTS: &str = "model.ports.json";

/// Reads an architecture.
pub fn read_graph(path: &Path) -> Result<CheckedGraph> {
    let bytes = files::read_bounded(path, <nascent_ir::Graph as Format>::MAX_BYTES)?;
    CheckedGraph::decode(&bytes)
        .or_fail(Kind::Input)
        .doing(format!("{} is not a valid architecture", path.display()))
}

/// A folder that a compiled model goes to.
pub fn declare_folder(paths: Paths, what: &'static str, folder: &Path) -> Paths {
    let files = [PARAMS, PORTS, PROFILE, GRAPH].map(|name| folder.join(name));
    paths
        .folder(what, [folder])
        .write("a file of the compiled model", files)
        .write("a list of origins", origins_files(folder))
}

/// Where the list of origins of a plan goes: 0 is the model's own plan.
pub fn origins_file(folder: &Path, position: usize) -> PathBuf {
    folder.join(match position {
        0 => ORIGINS.to_owned(),
        _ => format!("{ORIGINS}.{position}"),
    })
}

/// Lists of origins that are there, the plan's own first.
pub fn origins_files(folder: &Path) -> impl Iterator<Item = PathBuf> {
    let files = (0..).map(|position| origins_file(folder, position));
    files.take_while(|path| path.exists())
}

/// The list of origins of a plan's model.
pub fn read_origins(folder: &Path, model: &ModelSpec) -> Result<Origins> {
    let digest = model.digest().or_fail(Kind::Input)?;
    for path in origins_files(folder) {
        let origins: Origins = files::read(&path)?;
        if origins.model == digest {
            return Ok(origins);
        }
    }
    let message = format!(
        "{} was not compiled with this plan: it has no list of its origins",
        folder.display()
    );
    Err(Failure::new(Kind::Input, message).help("nascent compile MODEL --plan PLAN --out DIR"))
}

/// Reads ports back.
pub fn read_ports(folder: &Path) -> Result<[Vec<Port>; 2]> {
    let path = folder.join(PORTS);
    let content = files::read_bounded(&path, 1 << 20)?;
    let parse = || -> Option<[Vec<Port>; 2]> {
        let value: Value = serde_json::from_slice(&content).ok()?;
        let list = |name: &str| -> Option<Vec<Port>> {
            value.get(name)?.as_array()?.iter().map(port).collect()
        };
        Some([list("inputs")?, list("outputs")?])
    };
    parse()
        .ok_or_else(|| anyhow::anyhow!("not a file that `nascent compile` wrote"))
        .or_fail(Kind::Input)
        .doing(format!("reading {}", path.display()))
        .help("compile the model again")
}

pub fn port_json(port: &Port) -> Value {
    json!({
        "name": port.name,
        "shape": port.shape,
        // Bits of the f64: a decimal would not come back the same from every reader.
        "scale_bits": port.scale.to_bits(),
        "scale": port.scale,
        "lo": port.range.0,
        "hi": port.range.1,
        "integers": port.integers,
    })
}

fn port(value: &Value) -> Option<Port> {
    let shape = value.get("shape")?.as_array()?.iter();
    let shape = shape.map(|dim| usize::try_from(dim.as_u64()?).ok());
    let shape: Vec<usize> = shape.collect::<Option<_>>()?;
    // As many elements as a tensor of the graph can have.
    let elements = shape
        .iter()
        .try_fold(1, |n: usize, &dim| n.checked_mul(dim));
    elements.filter(|&elements| elements as u64 <= MAX_ELEMENTS)?;
    Some(Port {
        name: value.get("name")?.as_str()?.to_owned(),
        shape,
        scale: f64::from_bits(value.get("scale_bits")?.as_u64()?),
        range: (value.get("lo")?.as_i64()?, value.get("hi")?.as_i64()?),
        integers: value.get("integers")?.as_bool()?,
    })
}
