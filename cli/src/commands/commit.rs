//! `nascent commit` and `nascent open`: one public commitment to a model's parameters, and links to
//! it.

use super::common::DEVELOPMENT_NOTICE;
use super::compile::{self, Quantization};
use super::keys::SrsArgs;
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::folder::{GRAPH, PARAMS, declare_folder, read_graph};
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::results::Results;
use nascent::model::{allow_key, lay_out, verifying_key};
use nascent::srs;
use nascent_circuits::inference::{Hidden, InferenceCircuit};
use nascent_ir::{CheckedGraph, Params};
use nascent_params::atomic::Access;
use nascent_prover::link::{Columns, Committer, OpenError, Opening};
use nascent_verifier::codec::Format;
use nascent_verifier::link::{CommittedTo, Part, PartData, tail_rows};
use nascent_verifier::{CommitmentData, Srs, WeightCommitment};
use rand_core::OsRng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use zeroize::Zeroizing;

#[derive(Debug, clap::Args)]
pub struct CommitArgs {
    /// The folder that `nascent compile` wrote; or a model with weights (.onnx), which is compiled into
    /// --folder first. With --weights a checkpoint's (.safetensors)
    model: PathBuf,
    /// Where the compiled model goes, which answers are proved from
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,
    #[command(flatten)]
    quantization: Quantization,
    #[command(flatten)]
    srs: SrsArgs,
    /// Where the commitment goes, to be published
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// The secret that proofs are linked with: made if it does not exist; keep it private
    #[arg(long, value_name = "FILE")]
    opening: PathBuf,
    /// Replace the commitment if it exists
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    circuit: CircuitArgs,
    /// A commitment to other parameters of the same architecture, made with the same secret: only what
    /// differs is computed
    #[arg(long, value_name = "FILE", requires = "previous_model")]
    previous: Option<PathBuf>,
    /// The folder whose parameters that commitment is to
    #[arg(long, value_name = "DIR", requires = "previous")]
    previous_model: Option<PathBuf>,
}

impl CommitArgs {
    /// What is read and written.
    fn paths(&self) -> Paths {
        let paths = Paths::new(self.force);
        let paths = match &self.folder {
            Some(folder) => {
                let paths = self
                    .quantization
                    .declare(paths.read("the model", [&self.model]));
                declare_folder(paths, "--folder", folder)
            }
            None => paths.read(
                "the model",
                [GRAPH, PARAMS].map(|name| self.model.join(name)),
            ),
        };
        let previous = self.previous_model.iter().map(|folder| folder.join(PARAMS));
        paths
            .read("--previous", &self.previous)
            .read("the previous model", previous)
            .secret("--opening", [&self.opening])
            .write("--out", [&self.out])
    }
}

/// For which circuit of a model a commitment is: its columns are that circuit's.
#[derive(Debug, Clone, Copy, clap::Args)]
pub struct CircuitArgs {
    /// For answers whose input stays hidden
    #[arg(long)]
    hide_input: bool,
    /// For answers whose output stays hidden
    #[arg(long)]
    hide_output: bool,
}

impl From<CircuitArgs> for Hidden {
    fn from(args: CircuitArgs) -> Self {
        Self {
            inputs: args.hide_input,
            outputs: args.hide_output,
        }
    }
}

#[derive(Debug, clap::Args)]
pub struct OpenArgs {
    /// The folder that `nascent compile` wrote
    folder: PathBuf,
    #[command(flatten)]
    committed: CommittedArgs,
    /// Accept the development SRS, under which a commitment binds nobody
    #[arg(long)]
    development_srs: bool,
    #[command(flatten)]
    circuit: CircuitArgs,
}

/// A commitment and the secret that belongs to it.
#[derive(Debug, clap::Args)]
pub struct CommittedArgs {
    /// The published commitment
    #[arg(long, value_name = "FILE")]
    commitment: PathBuf,
    /// The secret that was made with it
    #[arg(long, value_name = "FILE")]
    opening: PathBuf,
}

/// A commitment as its publisher has it.
pub struct Committed {
    pub data: CommitmentData,
    pub opening: Opening,
}

impl CommittedArgs {
    pub fn load(&self) -> Result<Committed> {
        Committed::load(&self.commitment, &self.opening)
    }
}

impl Committed {
    /// Reads both files; they must belong together.
    pub fn load(commitment: &Path, opening: &Path) -> Result<Self> {
        let data: CommitmentData = files::read(commitment)?;
        let secret = read_opening(opening)?;
        if data.parts.iter().all(|part| part.opening != secret.id()) {
            let message = format!(
                "{} belongs to another commitment than {}",
                opening.display(),
                commitment.display()
            );
            return Err(Failure::new(Kind::Usage, message));
        }
        Ok(Self {
            data,
            opening: secret,
        })
    }
}

fn read_opening(path: &Path) -> Result<Opening> {
    files::check_private(path)?;
    let bytes = Zeroizing::new(files::read_bounded(path, Opening::MAX_BYTES)?);
    files::decode(path, &bytes)
}

/// The secret in a file, which is made if there is none.
pub fn obtain_opening(path: &Path) -> Result<Opening> {
    if path.exists() {
        return read_opening(path);
    }
    files::check_output(path, false)?;
    let opening = Opening::draw(&mut OsRng);
    let bytes = Zeroizing::new(opening.encode().or_fail(Kind::Internal)?);
    files::write_private(
        path,
        &bytes,
        "a secret is never replaced: give another name",
    )?;
    Ok(opening)
}

/// What a commitment to a model's parameters is to.
pub fn subject(graph: &CheckedGraph) -> Result<CommittedTo> {
    let architecture = graph.digest().or_fail(Kind::Internal)?;
    Ok(CommittedTo::Parameters { architecture })
}

fn read_params(folder: &Path, graph: &CheckedGraph) -> Result<Params> {
    let params: Params = files::read(&folder.join(PARAMS))?;
    params.check(graph).or_fail(Kind::Input)?;
    Ok(params)
}

/// Numbers in the parameters of a model.
fn numbers(params: &Params) -> u64 {
    params
        .values
        .values()
        .map(|values| values.len() as u64)
        .sum()
}

/// The folder with the compiled model, which is made if a model was given; then also what
/// `nascent compile` says of it.
fn compiled(context: &Context, args: &CommitArgs) -> Result<(PathBuf, Option<Value>)> {
    let model = &args.model;
    match &args.folder {
        None if model.is_dir() && args.quantization.is_of_a_model() => {
            let message = format!("{} has its weights already", model.display());
            Err(Failure::new(Kind::Usage, message)
                .help("give the model (.onnx) and --folder DIR to commit to other weights"))
        }
        None if model.is_dir() => Ok((model.clone(), None)),
        None => {
            let message = format!("{} is no folder of `nascent compile`", model.display());
            Err(Failure::new(Kind::Usage, message)
                .help("--folder DIR says where the model is to be compiled to"))
        }
        Some(_) if model.is_dir() => {
            let message = format!("{} is compiled already", model.display());
            Err(Failure::new(Kind::Usage, message).help("leave --folder away"))
        }
        Some(folder) => {
            let quantization = args.quantization.clone();
            let compile = compile::Args::of_model(model, folder, args.force, quantization);
            let outcome = compile::run(context, compile)?;
            Ok((folder.clone(), Some(outcome.json)))
        }
    }
}

/// `nascent commit`.
pub fn commit(context: &Context, args: CommitArgs) -> Result<Outcome> {
    let paths = args.paths().check()?;
    let identity = args.srs.identity(context)?;
    let (folder, compiled) = compiled(context, &args)?;
    let graph = read_graph(&folder.join(GRAPH))?;
    let params = read_params(&folder, &graph)?;
    let derived = verifying_key(&context.setting(), &graph, args.circuit.into(), &identity)?;
    let (circuit, key, srs) = (derived.circuit, derived.key, derived.srs);
    let columns = Columns {
        subject: subject(&graph)?,
        vk_digest: *key.digest(),
    };
    let started = Instant::now();
    let cells = circuit.parameter_cells(&params).or_fail(Kind::Input)?;
    let tail = tail_rows(&key, 0)
        .ok_or_else(|| Failure::new(Kind::Input, "the architecture has no parameters to commit"))?;
    let committer = Committer::new(&srs, tail);
    let opening = obtain_opening(&args.opening)?;
    let (points, changed) = match (&args.previous, &args.previous_model) {
        (Some(previous), Some(folder)) => {
            let old = circuit
                .parameter_cells(&read_params(folder, &graph)?)
                .or_fail(Kind::Input)?;
            let data: CommitmentData = files::read(previous)?;
            let checked = checked(previous, &data, srs.verifier_srs())?;
            let part = checked.part(&columns.subject);
            let part = part.filter(|part| *part.vk_digest() == columns.vk_digest);
            let part = part.ok_or(OpenError::Previous).or_fail(Kind::Usage)?;
            if data.parts.iter().any(|part| part.opening != opening.id()) {
                return Err(Failure::from_error(Kind::Usage, OpenError::PreviousSecret));
            }
            let (points, changed) = committer
                .commit_from(part, &old, &cells, &opening)
                .or_fail(Kind::Input)?;
            (points, Some(changed))
        }
        _ => {
            let points = committer.commit(&columns, &cells, &opening);
            (points.or_fail(Kind::Internal)?, None)
        }
    };
    let data = CommitmentData {
        srs_digest: identity,
        tails: vec![committer.tail_points().or_fail(Kind::Internal)?],
        parts: vec![PartData {
            subject: columns.subject,
            vk_digest: columns.vk_digest,
            opening: opening.id(),
            tail: 0,
            points,
        }],
    };
    // What goes out was checked as its reader will check it.
    let checked = WeightCommitment::new(&data, srs.verifier_srs()).or_fail(Kind::Internal)?;
    let mut results = Results::default();
    let bytes = data.encode().or_fail(Kind::Internal)?;
    results.bytes(&args.out, Access::Umask, &bytes)?;
    results.publish(&paths)?;
    let time = started.elapsed();
    let digest = hex::encode(checked.digest());
    context.result(format!("{:<18}{digest}", "commitment"));
    context.result(format!(
        "{:<18}{} in {} columns, committed in {}",
        "parameters",
        count(numbers(&params)),
        cells.len(),
        output::duration(time)
    ));
    if let Some(changed) = changed {
        context.result(format!(
            "{:<18}{} numbers differ from the previous commitment's",
            "changed",
            count(changed)
        ));
    }
    context.note(format!(
        "Publish {}. Keep {} to yourself: with it, guesses at the parameters can be checked.",
        args.out.display(),
        args.opening.display()
    ));
    let development = nascent::srs::is_development(&identity);
    if development {
        context.notice(DEVELOPMENT_NOTICE);
    }
    Ok(Outcome::ok(json!({
        "commitment": output::path(&args.out),
        "folder": output::path(&folder),
        "compiled": compiled,
        "opening": output::path(&args.opening),
        "digest": digest,
        "vk_digest": hex::encode(columns.vk_digest),
        "parameters": numbers(&params),
        "columns": cells.len(),
        "changed": changed,
        "srs": hex::encode(identity),
        "development_srs": development,
        "seconds": time.as_secs_f64(),
    })))
}

/// `nascent open`.
pub fn open(context: &Context, args: OpenArgs) -> Result<Outcome> {
    let committed = args.committed.load()?;
    let path = &args.committed.commitment;
    let identity = committed.data.srs_digest;
    srs::check_development(&identity, args.development_srs, "it binds nobody")
        .map_err(|error| Failure::from(error).context(format!("REFUSED: {}", path.display())))?;
    let graph = read_graph(&args.folder.join(GRAPH))?;
    let params = read_params(&args.folder, &graph)?;
    let (layout, shape) = lay_out(&context.setting(), &graph, args.circuit.into())?;
    allow_key(&context.setting(), &layout, &shape)?;
    let srs = srs::load(&context.setting(), &identity, shape.k)?;
    let started = Instant::now();
    let circuit = InferenceCircuit::new(Arc::new(layout), shape);
    let cells = circuit.parameter_cells(&params).or_fail(Kind::Input)?;
    check_open(path, &committed, &graph, &cells, &srs)?;
    let time = started.elapsed();
    let rate = numbers(&params) as f64 / time.as_secs_f64().max(1e-9);
    context.result(format!(
        "opened: {} commits to exactly the {} parameters in {}",
        path.display(),
        count(numbers(&params)),
        args.folder.display()
    ));
    context.result(format!("checked in {}", output::duration(time)));
    if nascent::srs::is_development(&identity) {
        context.notice(DEVELOPMENT_NOTICE);
    }
    Ok(Outcome::ok(json!({
        "commitment": output::path(path),
        "digest": hex::encode(committed.data.digest().or_fail(Kind::Internal)?),
        "parameters": numbers(&params),
        "columns": cells.len(),
        "development_srs": nascent::srs::is_development(&identity),
        "seconds": time.as_secs_f64(),
        "parameters_per_second": rate,
        "peak_memory_bytes": machine::peak_memory(),
    })))
}

/// Checks that a commitment is to these cells of this architecture's parameter columns; gives it
/// as its reader has it.
pub fn check_open(
    path: &Path,
    committed: &Committed,
    graph: &CheckedGraph,
    cells: &[Vec<i64>],
    srs: &nascent_params::Srs,
) -> Result<WeightCommitment> {
    let refused = || format!("REFUSED: {}", path.display());
    let checked = WeightCommitment::new(&committed.data, srs.verifier_srs())
        .or_fail(Kind::Refused)
        .doing(refused())?;
    let part = checked
        .part(&subject(graph)?)
        .ok_or_else(|| other_architecture(path))?;
    let tail = part.key().points().len();
    Committer::new(srs, tail)
        .open(part, cells, &committed.opening)
        .or_fail(Kind::Refused)
        .doing(refused())
        .help("the parameters are not the ones that were committed")?;
    Ok(checked)
}

fn other_architecture(path: &Path) -> Failure {
    let message = format!(
        "REFUSED: {} is not a commitment to parameters of this architecture",
        path.display()
    );
    Failure::new(Kind::Refused, message)
}

/// What of commitments a proof is to be linked to, with the secrets that belong to it.
pub struct Publisher {
    parts: Vec<(Part, Opening)>,
}

impl Publisher {
    /// Reads the files; each commitment must have its secret among them.
    pub fn load(commitments: &[PathBuf], openings: &[PathBuf], srs: &Srs) -> Result<Self> {
        let openings = openings.iter().map(|path| read_opening(path));
        let openings = openings.collect::<Result<Vec<_>>>()?;
        let mut parts = Vec::new();
        for path in commitments {
            let data: CommitmentData = files::read(path)?;
            let commitment = checked(path, &data, srs)?;
            for (part, data) in commitment.parts().iter().zip(&data.parts) {
                let opening = openings.iter().find(|opening| opening.id() == data.opening);
                let opening = opening.ok_or_else(|| {
                    let message =
                        format!("none of the secrets given is that of {}", path.display());
                    Failure::new(Kind::Usage, message)
                        .help("--opening FILE gives the one that it was made with")
                })?;
                parts.push((part.clone(), opening.clone()));
            }
        }
        Ok(Self { parts })
    }

    /// The part about these weights, and the secret that it was made with.
    pub fn find(&self, subject: &CommittedTo) -> Result<(&Part, &Opening)> {
        let mut parts = self.parts.iter();
        let found = parts.find(|(part, _)| part.subject() == subject);
        let (part, opening) = found.ok_or_else(|| no_part(subject))?;
        Ok((part, opening))
    }
}

fn no_part(subject: &CommittedTo) -> Failure {
    let what = match subject {
        CommittedTo::Parameters { .. } => "the parameters of this architecture".to_owned(),
        CommittedTo::Tile { stream, index, .. } => {
            format!("tile {index} of stream {stream} of this plan and beacon value")
        }
    };
    Failure::new(
        Kind::Input,
        format!("no commitment was given that is to {what}"),
    )
}

fn checked(path: &Path, data: &CommitmentData, srs: &Srs) -> Result<WeightCommitment> {
    WeightCommitment::new(data, srs)
        .or_fail(Kind::Refused)
        .doing(format!("REFUSED: {}", path.display()))
}
