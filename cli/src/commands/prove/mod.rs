//! `nascent prove`: a bundle of proofs, resumable.

mod inference;
mod relayout;

use crate::arguments::{BeaconArgs, DEVELOPMENT_NOTICE, SrsArgs};
use crate::beside::{key_file, links_file};
use crate::commitments::obtain_opening;
use crate::failure::{Classify, Kind, Result};
use crate::files;
use crate::interrupt;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::results::Results;
use crate::secret::SecretArgs;
use nascent::calibration::available_memory;
use nascent::derive::Origin;
use nascent::initialization::{
    Estimate, EstimateReport, Finished, Job, MemoryLimit, Options, Prover, TileSize,
};
use nascent::keys::TileParams;
use nascent::plan::PlanReport;
use nascent_params::atomic::Access;
use nascent_verifier::codec::Format;
use nascent_verifier::{Beacon, CommitmentData, Links, Plan, VkData};
use rand_core::OsRng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true, subcommand_negates_reqs = true)]
pub struct Args {
    #[command(subcommand)]
    subject: Option<Subject>,
    /// The plan
    #[arg(required = true)]
    plan: Option<PathBuf>,
    #[command(flatten)]
    beacon: BeaconArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    srs: SrsArgs,
    /// Where the proofs go; their verifying keys go beside it
    #[arg(long, short, value_name = "FILE", required_unless_present = "estimate")]
    out: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    size: SizeArgs,
    /// Folder of finished tiles [default: one in the cache, removed when all is done]
    #[arg(long, value_name = "DIR")]
    job: Option<PathBuf>,
    /// Only predict time, memory and size
    #[arg(long)]
    estimate: bool,
    /// Also commit to the weights of each tile; the links of the proofs to it go beside them
    #[arg(long, value_name = "FILE", requires = "opening")]
    commit: Option<PathBuf>,
    /// The secret of the commitment: made if it does not exist; keep it private
    #[arg(long, value_name = "FILE", requires = "commit")]
    opening: Option<PathBuf>,
}

/// What else can be proved.
#[derive(Debug, clap::Subcommand)]
enum Subject {
    /// Prove a quantized model's answer on an input
    Inference(inference::ProveArgs),
    /// Prove that a quantized model's weights are a plan's, element by element
    Relayout(relayout::ProveArgs),
}

#[derive(Debug, clap::Args)]
pub struct SizeArgs {
    /// Tiles of 2^K rows [default: what is predicted to be fastest]
    #[arg(long, value_parser = clap::value_parser!(u32).range(i64::from(TileParams::MIN_K)..=i64::from(TileParams::MAX_K)))]
    pub k: Option<u32>,
    /// Memory that may be taken, in MiB [default: what is free]
    #[arg(long, value_name = "MIB", conflicts_with = "any_memory")]
    pub memory: Option<u64>,
    /// Go on even if memory is predicted to be short
    #[arg(long)]
    pub any_memory: bool,
}

impl Args {
    /// What is read and written.
    fn paths(&self) -> Paths {
        let paths = Paths::new(self.force).read("the plan", &self.plan);
        let paths = self.secret.declare(self.beacon.declare(paths));
        let links = self.commit.as_ref().and(self.out.as_deref());
        let paths = paths
            .secret("--opening", &self.opening)
            .folder("--job", &self.job)
            .beside("the links", links.map(links_file), Links::MAGIC);
        if self.estimate {
            return paths;
        }
        paths
            .write("--out", &self.out)
            .write("--commit", &self.commit)
    }
}

impl SizeArgs {
    fn options(&self) -> Options {
        Options {
            size: self.k.map_or(TileSize::Automatic, TileSize::Fixed),
            memory: match (self.any_memory, self.memory) {
                (true, _) => MemoryLimit::Unlimited,
                (false, Some(mib)) => MemoryLimit::Bytes(mib.saturating_mul(1 << 20)),
                (false, None) => MemoryLimit::Available,
            },
            ..Options::default()
        }
    }
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    match args.subject {
        Some(Subject::Inference(args)) => return inference::prove(context, args),
        Some(Subject::Relayout(args)) => return relayout::prove(context, args),
        None => {}
    }
    let plan = args.plan.as_deref().unwrap_or(Path::new(""));
    let paths = args.paths().check()?;
    let plan: Plan = files::read(plan)?;
    let beacon = args.beacon.require(&plan)?;
    let secret = args.secret.read()?;
    let srs = args.srs.identity(context)?;
    let default_job = job_folder(context, &plan, &beacon, &srs)?;
    let job = args.job.clone().unwrap_or_else(|| default_job.clone());
    let opening = match &args.opening {
        Some(path) if !args.estimate => Some(Arc::new(obtain_opening(path)?)),
        _ => None,
    };
    let options = Options {
        cost: machine::cost_model(context),
        opening,
        ..args.size.options()
    };
    let origin = Origin::new(&plan, &beacon, secret.as_ref());
    let setting = context.setting();
    let prover = Prover::new(&setting, &srs);
    if args.estimate {
        let fresh = args.job.is_none() && !job.exists();
        let work = prover.job(origin, &job, options)?;
        return estimate_only(context, work, fresh.then_some(&job));
    }
    interrupt::listen(
        context,
        "stopping: tiles under way are finished first and kept, and the same command goes on \
         after them.\nOnce more stops at once, and loses only the tiles under way.",
    );
    let started = Instant::now();
    let work = prover.job(origin, &job, options)?;
    let estimate = work.estimate();
    print_estimate(context, estimate, work.finished_tiles());
    let made = work.run(&setting, OsRng);
    context.going.end();
    let made = made?;
    let (mut report, finished) = (output::json(&made.report())?, made.finished);
    let elapsed = started.elapsed();
    let out = args.out.unwrap_or_default();
    let bundle = finished.bundle.encode().or_fail(Kind::Internal)?;
    let mut results = Results::default();
    // The job is kept until all of it has its place.
    let key_files = stage_keys(&mut results, &paths, &out, &finished)?;
    results.bytes(&out, Access::Umask, &bundle)?;
    let committed = match (&args.commit, &finished.committed) {
        (Some(path), Some(committed)) => Some(stage_committed(
            context,
            &mut results,
            path,
            &out,
            committed,
        )?),
        _ => None,
    };
    results.publish(&paths)?;
    if args.job.is_none() {
        // Done and written: what is left is only in the way, and in the cache.
        let _ = std::fs::remove_dir_all(&default_job);
    }
    print(context, &finished, &out, bundle.len() as u64);
    print_actual(context, estimate, &finished, elapsed);
    context.note(format!("Verify: nascent verify {}", out.display()));
    // Tiles of an earlier run would flatter the rate.
    let rate = (finished.resumed == 0)
        .then(|| finished.report.sampled_weights as f64 / elapsed.as_secs_f64().max(1e-9));
    if finished.report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
    report["bundle"] = output::path(&out);
    report["bundle_bytes"] = bundle.len().into();
    report["keys"] = key_files.iter().map(output::path).collect();
    report["plan"] = output::json(&PlanReport::new(&plan)?)?;
    report["commitment"] = committed.into();
    report["seconds"] = elapsed.as_secs_f64().into();
    report["weights_per_second"] = rate.into();
    report["peak_memory_bytes"] = machine::peak_memory().into();
    report["predicted"] = output::json(&EstimateReport::new(estimate))?;
    Ok(Outcome::ok(report))
}

/// The commitment, and the links beside the proofs.
fn stage_committed(
    context: &Context,
    results: &mut Results,
    path: &Path,
    bundle: &Path,
    (data, links): &(CommitmentData, Links),
) -> Result<Value> {
    let beside = links_file(bundle);
    let digest = hex::encode(data.digest().or_fail(Kind::Internal)?);
    let links = links.encode().or_fail(Kind::Internal)?;
    results.beside(&beside, Links::MAGIC, &links)?;
    let data = data.encode().or_fail(Kind::Internal)?;
    results.bytes(path, Access::Umask, &data)?;
    context.result(format!("{:<18}{digest}", "commitment"));
    Ok(json!({ "file": output::path(path), "links": output::path(&beside), "digest": digest }))
}

/// Unfinished work on the same plan, value and SRS is found again.
fn job_folder(context: &Context, plan: &Plan, beacon: &Beacon, srs: &[u8; 32]) -> Result<PathBuf> {
    let short = |digest: &[u8; 32]| hex::encode(digest).chars().take(16).collect::<String>();
    let name = [
        short(&plan.digest().or_fail(Kind::Input)?),
        short(&beacon.digest()),
        short(srs),
    ]
    .join("-");
    Ok(context.cache.join("jobs").join(name))
}

/// Only predicts; `fresh` is the job's folder, if it was made for that.
fn estimate_only(context: &Context, job: Job<'_>, fresh: Option<&PathBuf>) -> Result<Outcome> {
    print_estimate(context, job.estimate(), job.finished_tiles());
    let predicted = EstimateReport::new(job.estimate());
    // It holds the folder's lock.
    drop(job);
    if let Some(folder) = fresh {
        // Only the lock and the sizes are in it.
        let _ = std::fs::remove_dir_all(folder);
    }
    Ok(Outcome::ok(json!({
        "predicted": output::json(&predicted)?,
        "available_memory_bytes": available_memory(),
    })))
}

fn print_estimate(context: &Context, estimate: &Estimate, files: u64) {
    let seconds = Duration::try_from_secs_f64(estimate.wall_seconds()).unwrap_or(Duration::MAX);
    context.note(format!(
        "predicted: {} on {} threads, {} of memory, {} of proofs in {} tiles ({})",
        output::duration(seconds),
        estimate.threads,
        output::bytes(estimate.peak_memory()),
        output::bytes(estimate.proof_bytes()),
        count(estimate.tiles()),
        estimate.backend
    ));
    for (index, stream) in estimate.streams.iter().enumerate() {
        context.note(format!(
            "  stream {index}: {} tiles of 2^{} rows, {} weights and {} each, {} at a time",
            count(stream.tiles),
            stream.k,
            count(stream.weights_per_tile),
            output::bytes(stream.proof_bytes),
            stream.workers
        ));
    }
    if files > 0 {
        context.note(format!(
            "  {} tiles are there already, and are verified first",
            count(files)
        ));
    }
    if let Some(free) = available_memory()
        && estimate.peak_memory() > free
    {
        context.warn(format!(
            "memory is short: {} predicted, {} free. Smaller tiles take less: --k",
            output::bytes(estimate.peak_memory()),
            output::bytes(free)
        ));
    }
}

/// The verifying keys, beside the bundle.
fn stage_keys(
    results: &mut Results,
    declared: &Paths,
    bundle: &Path,
    finished: &Finished,
) -> Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for key in &finished.keys {
        let path = key_file(bundle, key.digest());
        if !paths.contains(&path) {
            declared.also_beside("the verifying key", &path, VkData::MAGIC)?;
            let key = key.encode().or_fail(Kind::Internal)?;
            results.beside(&path, VkData::MAGIC, &key)?;
            paths.push(path);
        }
    }
    Ok(paths)
}

/// Prints what was made.
fn print(context: &Context, finished: &Finished, out: &Path, bytes: u64) {
    let report = &finished.report;
    context.result(format!(
        "{}: {} proofs for {} weights, {}",
        out.display(),
        count(report.proofs),
        count(report.sampled_weights),
        output::bytes(bytes)
    ));
    context.result(format!(
        "weight commitments {}",
        hex::encode(report.weight_commitments)
    ));
}

/// Prints what it took beside what was predicted.
fn print_actual(context: &Context, estimate: &Estimate, finished: &Finished, elapsed: Duration) {
    let seconds = Duration::try_from_secs_f64(estimate.wall_seconds()).unwrap_or(Duration::MAX);
    context.note(format!(
        "took      {} ({} predicted)",
        output::duration(elapsed),
        output::duration(seconds)
    ));
    if let Some(peak) = machine::peak_memory() {
        context.note(format!(
            "memory    {} ({} predicted)",
            output::bytes(peak),
            output::bytes(estimate.peak_memory())
        ));
    }
    context.note(format!(
        "proofs    {} ({} predicted)",
        output::bytes(finished.report.proof_bytes),
        output::bytes(estimate.proof_bytes())
    ));
    if finished.resumed > 0 {
        context.note(format!(
            "{} of {} tiles were there already; the prediction is for all",
            count(finished.resumed),
            count(finished.resumed.saturating_add(finished.proved))
        ));
    }
}
