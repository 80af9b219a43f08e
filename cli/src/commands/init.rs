//! `nascent init`: the weights that a plan and a beacon value give.

use crate::arguments::{BeaconArgs, PreviousWeights};
use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use crate::interrupt;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::results::Results;
use crate::secret::SecretArgs;
use nascent::plan::PlanReport;
use nascent_compiler::{Limits, WeightSource, Written, read_onnx, write_onnx_to};
use nascent_params::atomic::Access;
use nascent_prover::derive::{Deriver, Metadata, write_safetensors_to};
use nascent_verifier::{Plan, weight_digest};
use serde_json::json;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan
    plan: PathBuf,
    #[command(flatten)]
    beacon: BeaconArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    previous: PreviousWeights,
    /// Where the weights go, as safetensors (f32)
    #[arg(long, value_name = "FILE")]
    weights: Option<PathBuf>,
    /// The ONNX model that the plan was made from, to be filled in
    #[arg(long, value_name = "FILE", requires = "onnx")]
    model: Option<PathBuf>,
    /// Where the filled model goes, as ONNX
    #[arg(long, value_name = "FILE", requires = "model")]
    onnx: Option<PathBuf>,
    /// Replace files that exist
    #[arg(long)]
    force: bool,
}

impl Args {
    /// What is read and written.
    fn paths(&self) -> Paths {
        let paths = Paths::new(self.force).read("the plan", [&self.plan]);
        let paths = self.secret.declare(self.beacon.declare(paths));
        self.previous
            .declare(paths)
            .read("--model", &self.model)
            .write("--weights", &self.weights)
            .write("--onnx", &self.onnx)
    }
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    if args.weights.is_none() && args.onnx.is_none() {
        return Err(Failure::new(Kind::Usage, "nothing to write").help(
            "--weights FILE.safetensors, or --model MODEL.onnx --onnx FILE.onnx, or all of them",
        ));
    }
    let paths = args.paths().check()?;
    let plan: Plan = files::read(&args.plan)?;
    let beacon = args.beacon.require(&plan)?;
    let secret = args.secret.read()?;
    interrupt::listen(context, "stopping; once more stops at once");
    let started = Instant::now();
    let deriver = args
        .previous
        .give(nascent::derive::deriver(&plan, &beacon, secret.as_ref())?)?;
    let mut json = json!({ "plan": output::json(&PlanReport::new(&plan)?)?, "beacon_digest": hex::encode(beacon.digest()) });
    let digest = plan.weight_digest.then(|| digest(context, &deriver));
    json["weight_digest"] = digest.map(hex::encode).into();
    // Weights of a hidden seed are as secret as the seed.
    let access = match plan.publisher_key {
        Some(_) => Access::Owner,
        None => Access::Umask,
    };
    let mut results = Results::default();
    if let Some(path) = &args.weights {
        let mut bytes = 0;
        results.file(path, access, |file| {
            bytes = weights(context, &plan, &deriver, digest, file)?;
            Ok(())
        })?;
        let rate = deriver.elements() as f64 / started.elapsed().as_secs_f64().max(1e-9);
        context.result(format!(
            "{}: {} weights, {}",
            path.display(),
            count(deriver.elements()),
            output::bytes(bytes)
        ));
        json["weights"] = json!({ "file": output::path(path), "bytes": bytes, "elements": deriver.elements(), "elements_per_second": rate });
    }
    if let (Some(model), Some(path)) = (&args.model, &args.onnx) {
        let mut written = Written::default();
        results.file(path, access, |file| {
            written = onnx(context, &plan, &deriver, model, file)?;
            Ok(())
        })?;
        context.result(format!(
            "{}: {} tensors filled, {}",
            path.display(),
            written.tensors,
            output::bytes(written.bytes)
        ));
        json["onnx"] = json!({ "file": output::path(path), "bytes": written.bytes, "tensors": written.tensors, "elements": written.elements, "rounded_tensors": written.rounded });
    }
    results.publish(&paths)?;
    context.note(format!(
        "derived in {}",
        output::duration(started.elapsed())
    ));
    json["seconds"] = started.elapsed().as_secs_f64().into();
    Ok(Outcome::ok(json))
}

/// The weight digest; prints it.
fn digest(context: &Context, deriver: &Deriver<'_>) -> [u8; 32] {
    let digest = weight_digest(&deriver.weight_digests());
    context.result(format!("{:<18}{}", "weight digest", hex::encode(digest)));
    digest
}

/// Writes the weights as safetensors, with their digest in the header if there is one; gives the
/// number of bytes.
pub fn weights(
    context: &Context,
    plan: &Plan,
    deriver: &Deriver<'_>,
    weight_digest: Option<[u8; 32]>,
    file: &mut File,
) -> Result<u64> {
    let metadata = Metadata {
        plan: Some(plan.digest().or_fail(Kind::Input)?),
        weight_digest,
        ..Metadata::default()
    };
    let bar = context.bar("deriving weights");
    write_safetensors_to(deriver, file, &metadata, &|done, total| {
        bar.set(done, total);
        interrupt::checkpoint();
    })
    .map_err(Failure::from)
}

/// Writes the ONNX model with its weights filled in.
pub fn onnx(
    context: &Context,
    plan: &Plan,
    deriver: &Deriver<'_>,
    model: &Path,
    out: &mut File,
) -> Result<Written> {
    let limits = Limits::default();
    let limit = usize::try_from(limits.onnx_bytes).unwrap_or(usize::MAX);
    let bytes = files::read_bounded(model, limit)?;
    let doing = || format!("model {}", model.display());
    // Everything that can be wrong with the model is found before a value is derived.
    read_onnx(&bytes, &limits).map_err(|error| Failure::from(error).context(doing()))?;
    let bar = context.bar("filling the model");
    let total = (plan.model.sampled_elements()).saturating_add(plan.model.inherited_elements());
    let mut source = Source {
        deriver,
        done: 0,
        progress: &|done| {
            bar.set(done, total);
            interrupt::checkpoint();
        },
    };
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let written = write_onnx_to(&bytes, &plan.model, &mut source, &mut out)
        .map_err(|error| Failure::from(error).context(doing()))?;
    out.flush().or_fail(Kind::Environment)?;
    Ok(written)
}

/// Gives the compiler the values it asks for.
pub struct Source<'a> {
    pub deriver: &'a Deriver<'a>,
    pub done: u64,
    pub progress: &'a dyn Fn(u64),
}

impl WeightSource for Source<'_> {
    fn fill(
        &mut self,
        tensor: usize,
        start: u64,
        out: &mut [f32],
    ) -> std::result::Result<(), Box<dyn std::error::Error + Send + Sync>> {
        self.deriver.fill(tensor, start, out)?;
        self.done = self.done.saturating_add(out.len() as u64);
        (self.progress)(self.done);
        Ok(())
    }
}
