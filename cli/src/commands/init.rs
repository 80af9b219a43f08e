//! `nascent init`: the weights that a plan and a beacon value give.

use crate::arguments::{BeaconArgs, PreviousWeights};
use crate::failure::{Failure, Kind, Result};
use crate::files;
use crate::interrupt;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::results::Results;
use crate::secret::SecretArgs;
use nascent::derive::{self, Origin, Written};
use nascent::model::ModelFile;
use nascent::plan::PlanReport;
use nascent_params::atomic::Access;
use nascent_verifier::Plan;
use serde_json::json;
use std::path::PathBuf;
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
    let (setting, started) = (context.setting(), Instant::now());
    let origin = Origin::new(&plan, &beacon, secret.as_ref());
    let deriver = args.previous.give(origin.deriver()?)?;
    let mut json = json!({ "plan": output::json(&PlanReport::new(&plan)?)?, "beacon_digest": hex::encode(beacon.digest()) });
    let digest = derive::digest(&plan, &deriver);
    if let Some(digest) = digest {
        context.result(format!("{:<18}{}", "weight digest", hex::encode(digest)));
    }
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
            bytes = derive::write_safetensors(&setting, &plan, &deriver, digest, file)?;
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
        let model = ModelFile::open(model)?;
        let mut written = Written::default();
        results.file(path, access, |file| {
            written = derive::write_onnx(&setting, &plan, &deriver, &model, file)?;
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
