//! `nascent run`: the integer model on one input or many, without a proof.

use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::subject::{Loaded, Subject, show_outputs};
use nascent_compiler::infer::{Named, Port, Tensor, samples};
use nascent_verifier::text::Quoted;
use serde_json::json;
use std::path::PathBuf;
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    subject: Subject,
    /// Take every input of the file, not only the first
    #[arg(long)]
    all: bool,
    /// Write the outputs as arrays: .npz, or .npy for a model with one output
    #[arg(long, short, value_name = "FILE")]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "out")]
    force: bool,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let paths = args.subject.declare(Paths::new(args.force));
    paths.write("--out", &args.out).check()?;
    let loaded = args.subject.load(if args.all { usize::MAX } else { 1 })?;
    let inputs = loaded.samples.len();
    let started = Instant::now();
    let outputs = evaluate(context, &loaded)?;
    let time = started.elapsed();
    let mut made = json!({ "inputs": inputs, "seconds": time.as_secs_f64() });
    if let Some(out) = &args.out {
        let arrays = arrays(&loaded, &outputs, args.all)?;
        files::write(out, &samples::encode(out, &arrays).or_fail(Kind::Usage)?)?;
        context.result(format!("outputs           {}", out.display()));
        made["out"] = output::path(out);
    } else if args.all {
        let arrays = arrays(&loaded, &outputs, true)?;
        let each = loaded.outputs.iter().zip(&outputs).zip(&arrays);
        let list = each.map(|((port, integers), array)| {
            json!({
                "name": port.name,
                "shape": array.tensor.shape(),
                "values": port.dequantize(integers.iter().copied()),
                "integers": integers,
            })
        });
        made["outputs"] = list.collect();
    }
    if !args.all {
        let first: Vec<i64> = outputs.concat();
        made["outputs"] = show_outputs(context, &loaded.outputs, &first).into();
    }
    context.note(format!(
        "{} computed in {}",
        match inputs {
            1 => "1 input".to_owned(),
            inputs => format!("{} inputs", count(inputs as u64)),
        },
        output::duration(time)
    ));
    Ok(Outcome::ok(made))
}

/// Integers of each output, those of all inputs one after another.
fn evaluate(context: &Context, loaded: &Loaded) -> Result<Vec<Vec<i64>>> {
    let mut outputs = vec![Vec::new(); loaded.outputs.len()];
    for (at, sample) in loaded.samples.iter().enumerate() {
        let values = nascent_ir::eval_within(&loaded.graph, &loaded.params, sample, context.memory);
        let values = values.or_fail(Kind::Input);
        let values =
            values.map_err(|failure| failure.context(format!("input {at} of the file")))?;
        for (all, slice) in outputs.iter_mut().zip(values.outputs()) {
            all.extend(slice.iter());
        }
    }
    Ok(outputs)
}

/// The outputs as arrays of the model's numbers.
fn arrays(loaded: &Loaded, outputs: &[Vec<i64>], all: bool) -> Result<Vec<Named>> {
    let each = loaded.outputs.iter().zip(outputs);
    let arrays = each.map(|(port, integers)| {
        let shape = match all {
            true => shape_of_all(loaded, port),
            false => port.shape.clone(),
        };
        let tensor = match port.integers {
            true => Tensor::int(&shape, integers.clone()),
            false => Tensor::float(&shape, port.dequantize(integers.iter().copied())),
        };
        let tensor = tensor.ok_or_else(|| {
            let message = format!(
                "the output {} has another shape than declared",
                Quoted(&port.name)
            );
            Failure::new(Kind::Input, message).help("compile the model again")
        })?;
        let name = Some(port.name.clone());
        Ok(Named { name, tensor })
    });
    arrays.collect()
}

/// Where the file has its inputs along their first axis, the outputs have theirs; otherwise, and for
/// outputs without that axis, there is one axis more.
fn shape_of_all(loaded: &Loaded, port: &Port) -> Vec<usize> {
    let inputs = loaded.samples.len();
    let batch = loaded.inputs.first().and_then(|input| input.shape.first());
    let mut shape = port.shape.clone();
    match shape.first_mut() {
        Some(first) if !loaded.stacked && Some(&*first) == batch => *first *= inputs,
        _ => shape.insert(0, inputs),
    }
    shape
}
