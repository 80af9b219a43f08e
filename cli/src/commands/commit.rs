//! `nascent commit` and `nascent open`: one public commitment to a model's parameters, and links to
//! it.

use crate::arguments::{DEVELOPMENT_NOTICE, SrsArgs};
use crate::commitments::{CommittedArgs, obtain_opening, refused};
use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use crate::folder::declare_folder;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::quantize::{self, Quantization};
use crate::results::Results;
use nascent::commitment::{self, ParameterColumns, Previous};
use nascent::model::{GRAPH, Hidden, PARAMS, read_graph};
use nascent::srs;
use nascent_ir::{CheckedGraph, Params};
use nascent_params::atomic::Access;
use nascent_verifier::CommitmentData;
use nascent_verifier::codec::Format;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::Instant;

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
            let compile = quantize::Args::of_model(model, folder, args.force, quantization);
            let outcome = quantize::run(context, compile)?;
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
    let columns = ParameterColumns::of(&context.setting(), &graph, args.circuit.into(), &identity)?;
    let opening = obtain_opening(&args.opening)?;
    let previous = match (&args.previous, &args.previous_model) {
        (Some(data), Some(folder)) => Some((
            data,
            files::read::<CommitmentData>(data)?,
            read_params(folder, &graph)?,
        )),
        _ => None,
    };
    let with = previous
        .as_ref()
        .map(|(_, data, params)| Previous { data, params });
    let made = columns.commit(&params, &opening, with);
    let made = made.map_err(|error| match &previous {
        Some((path, ..)) => refused(error, path),
        None => Failure::from(error),
    })?;
    let mut results = Results::default();
    let bytes = made.data.encode().or_fail(Kind::Internal)?;
    results.bytes(&args.out, Access::Umask, &bytes)?;
    results.publish(&paths)?;
    let digest = hex::encode(made.digest);
    context.result(format!("{:<18}{digest}", "commitment"));
    context.result(format!(
        "{:<18}{} in {} columns, committed in {}",
        "parameters",
        count(made.parameters),
        made.columns,
        output::duration(made.time)
    ));
    if let Some(changed) = made.changed {
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
    if srs::is_development(&identity) {
        context.notice(DEVELOPMENT_NOTICE);
    }
    let mut json = output::json(&made.report())?;
    json["commitment"] = output::path(&args.out);
    json["folder"] = output::path(&folder);
    json["compiled"] = compiled.into();
    json["opening"] = output::path(&args.opening);
    Ok(Outcome::ok(json))
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
    let started = Instant::now();
    let (setting, hidden) = (context.setting(), args.circuit.into());
    let opened = commitment::open(&setting, &graph, &params, hidden, &committed);
    let (digest, columns) = opened.map_err(|error| refused(error, path))?;
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
        "digest": hex::encode(digest),
        "parameters": numbers(&params),
        "columns": columns,
        "development_srs": nascent::srs::is_development(&identity),
        "seconds": time.as_secs_f64(),
        "parameters_per_second": rate,
        "peak_memory_bytes": machine::peak_memory(),
    })))
}
