//! `nascent prove`: a bundle of proofs, resumable.

mod inference;
mod relayout;

use crate::arguments::{BeaconArgs, DEVELOPMENT_NOTICE, SrsArgs};
use crate::beside::{key_file, links_file};
use crate::calibration;
use crate::commitments::obtain_opening;
use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use crate::interrupt;
use crate::machine;
use crate::output::{self, Bar, Context, Outcome, count};
use crate::paths::Paths;
use crate::results::Results;
use crate::secret::SecretArgs;
use nascent::plan::PlanReport;
use nascent::secret::Secret;
use nascent::{keys, srs};
use nascent_circuits::tile::TileParams;
use nascent_params::atomic::Access;
use nascent_prover::estimate::{ChoiceError, Estimate, available_memory};
use nascent_prover::job::{
    CachedSrs, DevelopmentSrs, Event, Finished, Job, JobError, MemoryLimit, Options, Request,
    SrsSource, Standing, TileSize,
};
use nascent_prover::link::Opening;
use nascent_verifier::codec::Format;
use nascent_verifier::{Beacon, CommitmentData, Links, Plan, VkData};
use rand_core::OsRng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
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

/// What is to be proved.
pub struct Task<'a> {
    pub plan: &'a Plan,
    pub beacon: &'a Beacon,
    pub secret: Option<&'a Secret>,
    pub srs: [u8; 32],
    pub size: &'a SizeArgs,
    pub job: &'a Path,
    /// The secret of a commitment, if one is to be made.
    pub opening: Option<Arc<Opening>>,
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
    let task = Task {
        plan: &plan,
        beacon: &beacon,
        secret: secret.as_ref(),
        srs,
        size: &args.size,
        job: &job,
        opening,
    };
    if args.estimate {
        return estimate_only(context, &task, args.job.is_none());
    }
    interrupt::listen(
        context,
        "stopping: tiles under way are finished first and kept, and the same command goes on \
         after them.\nOnce more stops at once, and loses only the tiles under way.",
    );
    let started = Instant::now();
    let Work {
        finished,
        estimate,
        proving,
    } = prove(context, &task)?;
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
    print_actual(context, &estimate, &finished, elapsed);
    context.note(format!("Verify: nascent verify {}", out.display()));
    // Tiles of an earlier run would flatter the rate.
    let rate = (finished.resumed == 0)
        .then(|| finished.report.sampled_weights as f64 / elapsed.as_secs_f64().max(1e-9));
    if finished.report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
    Ok(Outcome::ok(json!({
        "bundle": output::path(&out),
        "bundle_bytes": bundle.len(),
        "keys": key_files.iter().map(output::path).collect::<Vec<_>>(),
        "plan": output::json(&PlanReport::new(&plan)?)?,
        "beacon_digest": hex::encode(beacon.digest()),
        "srs": hex::encode(srs),
        "development_srs": finished.report.development_srs,
        "proofs": finished.report.proofs,
        "proof_bytes": finished.report.proof_bytes,
        "proved": finished.proved,
        "resumed": finished.resumed,
        "weight_commitments": hex::encode(finished.report.weight_commitments),
        "weight_digest": finished.report.weight_digest.map(hex::encode),
        "commitment": committed,
        "seconds": elapsed.as_secs_f64(),
        "proving_seconds": proving.as_secs_f64(),
        "weights_per_second": rate,
        "peak_memory_bytes": machine::peak_memory(),
        "predicted": estimate_json(&estimate),
    })))
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

/// What a run of the prover gave.
pub struct Work {
    pub finished: Finished,
    pub estimate: Estimate,
    /// From the first proof's start to the last one's end: without SRS and keys of the first
    /// stream.
    pub proving: Duration,
}

/// Predicts, warns, proves.
pub fn prove(context: &Context, task: &Task<'_>) -> Result<Work> {
    with_job(context, task, |job| {
        let estimate = job.estimate().clone();
        print_estimate(context, &estimate, job.files());
        let bar = context.countdown("starting");
        let clock = Clock::default();
        let observer = |event: &Event<'_>| {
            clock.on_event(event);
            observe(context, &bar, event);
        };
        let finished = job
            .run(OsRng, &observer, interrupt::flag())
            .map_err(job_failure)?;
        bar.finish();
        Ok(Work {
            finished,
            estimate,
            proving: clock.proving(),
        })
    })
}

/// When the first proof began and the last one ended.
#[derive(Default)]
struct Clock(Mutex<Option<(Instant, Instant)>>);

impl Clock {
    fn on_event(&self, event: &Event<'_>) {
        if !matches!(event, Event::Proving { .. } | Event::Proved { .. }) {
            return;
        }
        if let Ok(mut span) = self.0.lock() {
            let now = Instant::now();
            *span = Some((span.map_or(now, |(first, _)| first), now));
        }
    }

    fn proving(&self) -> Duration {
        let span = self.0.lock().ok().and_then(|span| *span);
        span.map_or(Duration::ZERO, |(first, last)| last.duration_since(first))
    }
}

fn with_job<T>(
    context: &Context,
    task: &Task<'_>,
    work: impl FnOnce(&Job<'_>) -> Result<T>,
) -> Result<T> {
    let cache = srs::cache(&context.setting());
    let development = DevelopmentSrs {
        cache: Some(cache.clone()),
    };
    let imported = CachedSrs::new(cache, task.srs);
    let source: &dyn SrsSource = if nascent::srs::is_development(&task.srs) {
        &development
    } else {
        &imported
    };
    let store = keys::store(&context.setting());
    let job = Job::open(Request {
        plan: task.plan,
        beacon: task.beacon,
        secret: task.secret.map(Secret::scalar),
        srs: source,
        keys: &store,
        directory: task.job,
        options: Options {
            cost: calibration::cost_model(context),
            opening: task.opening.clone(),
            ..task.size.options()
        },
    })
    .map_err(job_failure)?;
    work(&job)
}

fn estimate_only(context: &Context, task: &Task<'_>, remove: bool) -> Result<Outcome> {
    let fresh = !task.job.exists();
    let estimate = with_job(context, task, |job| {
        print_estimate(context, job.estimate(), job.files());
        Ok(job.estimate().clone())
    })?;
    if remove && fresh {
        // Only the lock and the sizes are in it.
        let _ = std::fs::remove_dir_all(task.job);
    }
    Ok(Outcome::ok(json!({
        "predicted": estimate_json(&estimate),
        "available_memory_bytes": available_memory(),
    })))
}

fn observe(context: &Context, bar: &Bar, event: &Event<'_>) {
    let show = |standing: &Standing| {
        bar.set(standing.tiles, standing.total_tiles);
        bar.expect(standing.remaining);
        bar.say(if standing.weights_per_second > 0.0 {
            format!(
                "proving, {} weights/s",
                count(standing.weights_per_second as u64)
            )
        } else {
            "proving".to_owned()
        });
    };
    match event {
        Event::Hashing { .. } => bar.say("hashing the weights".to_owned()),
        Event::LoadingSrs { k } => bar.say(format!("SRS of 2^{k}")),
        Event::PreparingKeys { k, .. } => bar.say(format!("keys of 2^{k} rows")),
        Event::Proving { standing, .. }
        | Event::Proved { standing, .. }
        | Event::Resumed { standing, .. } => {
            show(standing);
        }
        Event::Discarded { tile, reason } => {
            context.warn(format!(
                "tile {} of stream {} is proved again: its file is of no use ({reason})",
                tile.index, tile.stream
            ));
        }
        Event::VerifyingBundle => bar.say("verifying the bundle".to_owned()),
        _ => {}
    }
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

fn estimate_json(estimate: &Estimate) -> Value {
    let streams = estimate.streams.iter().map(|stream| {
        json!({
            "k": stream.k,
            "tiles": stream.tiles,
            "weights_per_tile": stream.weights_per_tile,
            "workers": stream.workers,
            "proof_bytes": stream.proof_bytes,
        })
    });
    json!({
        "seconds": estimate.wall_seconds(),
        "cpu_seconds": estimate.cpu_seconds(),
        "memory_bytes": estimate.peak_memory(),
        "proof_bytes": estimate.proof_bytes(),
        "tiles": estimate.tiles(),
        "threads": estimate.threads,
        "backend": estimate.backend,
        "machine": estimate.machine,
        "factor": estimate.factor,
        "streams": streams.collect::<Vec<_>>(),
    })
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

fn job_failure(error: JobError) -> Failure {
    use nascent_prover::error::SubjectError as Subject;
    let (kind, help) = match &error {
        JobError::Subject(Subject::WrongSecret | Subject::MissingSecret) => (
            Kind::Usage,
            "give the secret that the plan was made with: --secret FILE",
        ),
        JobError::Subject(Subject::SecretForPublicSeed) => (Kind::Usage, "leave --secret away"),
        JobError::Subject(_) => (Kind::Input, "`nascent inspect` shows what the plan holds"),
        JobError::Choice(ChoiceError::Memory { .. }) => (
            Kind::Environment,
            "smaller tiles take less: --k K, or --memory MIB; --any-memory goes on anyway",
        ),
        JobError::Choice(ChoiceError::NoSize { .. })
        | JobError::Srs { .. }
        | JobError::VerifierSrs(_) => (
            Kind::Environment,
            "import a larger SRS: nascent srs import FILE.ptau --k K",
        ),
        JobError::Choice(_) => (Kind::Usage, "choose another size with --k"),
        JobError::Locked { .. } => (
            Kind::Environment,
            "wait for the other run's end: it does the same work",
        ),
        JobError::ForeignDirectory { .. } => {
            (Kind::Environment, "name another folder with --job DIR")
        }
        JobError::Io { .. } => (
            Kind::Environment,
            "finished tiles are kept: when the folder can be written to again, the same command \
             goes on; --job DIR names another one",
        ),
        JobError::Cancelled { .. } => (
            Kind::Interrupted,
            "finished tiles are kept: the same command goes on after them",
        ),
        _ => (
            Kind::Internal,
            "run the same command again: finished tiles are kept; if it stays, report it",
        ),
    };
    Failure::from_error(kind, error).help(help)
}
