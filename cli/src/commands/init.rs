//! `nascent init`: the weights that a plan and a beacon value give.

use super::common::{self, BeaconArgs, PreviousWeights};
use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use crate::interrupt;
use crate::output::{self, Context, Outcome, count};
use crate::secret::{Secret, SecretArgs};
use nascent_compiler::{Limits, WeightSource, Written, write_onnx};
use nascent_prover::derive::{Deriver, Metadata, write_safetensors};
use nascent_verifier::{Beacon, Plan, weight_digest};
use serde_json::json;
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

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    if args.weights.is_none() && args.onnx.is_none() {
        return Err(Failure::new(Kind::Usage, "nothing to write").help(
            "--weights FILE.safetensors, or --model MODEL.onnx --onnx FILE.onnx, or all of them",
        ));
    }
    for path in args.weights.iter().chain(&args.onnx) {
        files::check_output(path, args.force)?;
    }
    interrupt::listen(context, "stopping; once more stops at once")?;
    let plan: Plan = files::read(&args.plan)?;
    let beacon = args.beacon.require(&plan)?;
    let secret = args.secret.read()?;
    let started = Instant::now();
    let deriver = args
        .previous
        .give(deriver(&plan, &beacon, secret.as_ref())?)?;
    let mut json =
        json!({ "plan": common::plan_json(&plan)?, "beacon_digest": hex::encode(beacon.digest()) });
    let digest = plan.weight_digest.then(|| digest(context, &deriver));
    json["weight_digest"] = digest.map(hex::encode).into();
    if let Some(path) = &args.weights {
        let bytes = weights(context, &plan, &deriver, digest, path)?;
        let rate = deriver.elements() as f64 / started.elapsed().as_secs_f64().max(1e-9);
        context.result(format!(
            "{}: {} weights, {}",
            path.display(),
            count(deriver.elements()),
            output::bytes(bytes)
        ));
        json["weights"] = json!({ "file": path, "bytes": bytes, "elements": deriver.elements(), "elements_per_second": rate });
    }
    if let (Some(model), Some(path)) = (&args.model, &args.onnx) {
        let written = onnx(context, &plan, &deriver, model, path)?;
        context.result(format!(
            "{}: {} tensors filled, {}",
            path.display(),
            written.tensors,
            output::bytes(written.bytes)
        ));
        json["onnx"] = json!({ "file": path, "bytes": written.bytes, "tensors": written.tensors, "elements": written.elements, "rounded_tensors": written.rounded });
    }
    context.note(format!(
        "derived in {}",
        output::duration(started.elapsed())
    ));
    json["seconds"] = started.elapsed().as_secs_f64().into();
    Ok(Outcome::ok(json))
}

/// A deriver for a plan.
pub fn deriver<'a>(
    plan: &'a Plan,
    beacon: &Beacon,
    secret: Option<&Secret>,
) -> Result<Deriver<'a>> {
    let secret = secret.map(Secret::scalar);
    Deriver::from_plan(plan, beacon, secret).map_err(common::derive_failure)
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
    path: &Path,
) -> Result<u64> {
    let metadata = Metadata {
        plan: Some(plan.digest().or_fail(Kind::Input)?),
        weight_digest,
        ..Metadata::default()
    };
    let bar = context.bar("deriving weights");
    write_safetensors(deriver, path, &metadata, &|done, total| {
        bar.set(done, total);
        interrupt::checkpoint();
    })
    .map_err(common::derive_failure)
}

/// Writes the ONNX model with its weights filled in.
pub fn onnx(
    context: &Context,
    plan: &Plan,
    deriver: &Deriver<'_>,
    model: &Path,
    out: &Path,
) -> Result<Written> {
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
    Ok(write_onnx(
        model,
        &plan.model,
        &mut source,
        out,
        &Limits::default(),
    )?)
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
