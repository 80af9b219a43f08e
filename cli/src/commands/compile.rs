//! `nascent compile`: an ONNX model with weights becomes a quantized model, and what proving it takes.

use super::inference::lay_out;
use crate::calibration;
use crate::failure::{Classify, Explain, Kind, Result};
use crate::files;
use crate::output::{Context, Outcome, bytes, count};
use nascent_circuits::inference::Hidden;
use nascent_compiler::infer::{self, Calibration, Compiled, Model, Options, Port, samples};
use nascent_prover::estimate::{InferenceCost, available_memory};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Name of the architecture's file in a folder.
pub const GRAPH: &str = "model.graph";
/// Name of the parameters' file.
pub const PARAMS: &str = "model.params";
/// Name of the file with the scales of inputs and outputs.
pub const PORTS: &str = "model.ports.json";

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The model: an ONNX file with its weights
    model: PathBuf,
    /// Folder for the quantized model
    #[arg(long, short, value_name = "DIR")]
    out: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
    /// Sample inputs (.npy, .npz, .json), from which ranges come; several files are joined
    #[arg(long, value_name = "FILE")]
    samples: Vec<PathBuf>,
    /// Bits of an activation, 4 to 12
    #[arg(long, default_value_t = 8)]
    activation_bits: u8,
    /// Bits of a weight, 4 to 12
    #[arg(long, default_value_t = 8)]
    weight_bits: u8,
    /// Bits of the lookup tables, 12 to 16 [default: the fewest that keep the precision]
    #[arg(long)]
    table_bits: Option<u8>,
    /// Size of a free first dimension
    #[arg(long, default_value_t = 1)]
    batch: usize,
    /// Part of the values that a range must hold, such as 0.999; others saturate [default: all]
    #[arg(long)]
    percentile: Option<f64>,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    std::fs::create_dir_all(&args.out)
        .or_fail(Kind::Environment)
        .doing(format!("folder {}", args.out.display()))?;
    let paths = [GRAPH, PARAMS, PORTS].map(|name| args.out.join(name));
    for path in &paths {
        files::check_output(path, args.force)?;
    }
    let options = {
        let mut options = Options::default();
        options.activation_bits = args.activation_bits;
        options.weight_bits = args.weight_bits;
        options.table_bits = args.table_bits;
        options.batch = args.batch;
        if let Some(part) = args.percentile {
            options.calibration = Calibration::Percentile(part);
        }
        options
    };
    let given: Vec<&Path> = args.samples.iter().map(PathBuf::as_path).collect();
    let given = samples::open(&given).or_fail(Kind::Input)?;
    let file = files::read_bounded(&args.model, MAX_MODEL)?;
    let model = Model {
        bytes: &file,
        folder: args.model.parent(),
    };
    let compiled = infer::compile(&model, &options, &given)
        .or_fail(Kind::Input)
        .doing(format!("model {}", args.model.display()))?;
    let (_, shape) = lay_out(&compiled.graph, Hidden::default())?;
    let cost = InferenceCost::new(&shape);
    let model = calibration::cost_model(context);
    let threads = rayon::current_num_threads();
    let wall = |cpu: f64| model.wall(cpu, threads as f64);
    let predicted = [
        wall(model.inference_keys_cpu(&cost)),
        wall(model.inference_cpu(&cost)),
    ];
    let memory = model.inference_memory(&cost);
    let advice = cost.small_columns + cost.full_columns;

    let ports = json!({
        "inputs": compiled.inputs.iter().map(port_json).collect::<Vec<_>>(),
        "outputs": compiled.outputs.iter().map(port_json).collect::<Vec<_>>(),
    });
    let contents = [
        compiled.graph.encode().or_fail(Kind::Internal)?,
        nascent_verifier::Format::encode(&compiled.params).or_fail(Kind::Internal)?,
        ports.to_string().into_bytes(),
    ];
    for (path, content) in paths.iter().zip(&contents) {
        files::write(path, content)?;
    }
    let digest = compiled.graph.digest().or_fail(Kind::Internal)?;
    print(context, &compiled, &digest);
    context.result(format!(
        "circuit           2^{} rows, {} advice and {} fixed columns, tables of {} bits",
        shape.k, advice, cost.fixed_columns, shape.table_bits,
    ));
    context.result(format!(
        "predicted         keys {:.1} s, proof {:.1} s on {threads} threads, {} of memory, proof of {}",
        predicted[0],
        predicted[1],
        bytes(memory),
        bytes(cost.proof_bytes),
    ));
    if let Some(available) = available_memory().filter(|available| *available < memory) {
        context.warn(format!(
            "this machine has {} of memory to spare; prove on a larger one, or compile a smaller model",
            bytes(available)
        ));
    }
    context.note(format!(
        "Prove: nascent prove inference {} --input FILE --out answer.inference",
        args.out.display()
    ));
    Ok(Outcome::ok(json!({
        "folder": args.out,
        "architecture": hex::encode(digest),
        "k": shape.k,
        "table_bits": shape.table_bits,
        "advice_columns": advice,
        "fixed_columns": cost.fixed_columns,
        "predicted": {
            "key_seconds": predicted[0],
            "prove_seconds": predicted[1],
            "memory_bytes": memory,
            "proof_bytes": cost.proof_bytes,
            "threads": threads,
        },
        "report": serde_json::from_str::<Value>(&compiled.report.to_json()).unwrap_or(Value::Null),
    })))
}

/// Most bytes of a model file.
const MAX_MODEL: usize = 2 << 30;

fn print(context: &Context, compiled: &Compiled, digest: &[u8; 32]) {
    context.result(compiled.report.to_string());
    context.result(format!("architecture      {}", hex::encode(digest)));
    let params: usize = compiled.params.values.values().map(Vec::len).sum();
    context.result(format!("parameters        {}", count(params as u64)));
}

fn port_json(port: &Port) -> Value {
    json!({
        "name": port.name,
        "shape": port.shape,
        // Bits of the f64: a decimal would not come back the same from every reader.
        "scale_bits": port.scale.to_bits(),
        "scale": port.scale,
        "lo": port.range.0,
        "hi": port.range.1,
    })
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

fn port(value: &Value) -> Option<Port> {
    let shape = value.get("shape")?.as_array()?.iter();
    Some(Port {
        name: value.get("name")?.as_str()?.to_owned(),
        shape: shape
            .map(|dim| usize::try_from(dim.as_u64()?).ok())
            .collect::<Option<_>>()?,
        scale: f64::from_bits(value.get("scale_bits")?.as_u64()?),
        range: (value.get("lo")?.as_i64()?, value.get("hi")?.as_i64()?),
    })
}
