//! `nascent run`: the integer model on one input or many, without a proof.

use crate::failure::{Classify, Kind, Result};
use crate::files;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::subject::{Subject, show_outputs};
use nascent::model::samples;
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
    let (model, given) = args.subject.load(if args.all { usize::MAX } else { 1 })?;
    let inputs = given.samples.len();
    let started = Instant::now();
    let outputs = model.run(&context.setting(), &given)?;
    let time = started.elapsed();
    let mut made = json!({ "inputs": inputs, "seconds": time.as_secs_f64() });
    if let Some(out) = &args.out {
        let arrays = model.arrays(&given, &outputs, args.all)?;
        files::write(out, &samples::encode(out, &arrays).or_fail(Kind::Usage)?)?;
        context.result(format!("outputs           {}", out.display()));
        made["out"] = output::path(out);
    } else if args.all {
        let arrays = model.arrays(&given, &outputs, true)?;
        let each = model.outputs.iter().zip(&outputs).zip(&arrays);
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
        made["outputs"] = show_outputs(context, &model.outputs, &first).into();
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
