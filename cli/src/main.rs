//! The `nascent` command: a thin layer over the crates, one file for each subcommand.

mod arguments;
mod beside;
mod commands;
mod commitments;
mod failure;
mod files;
mod folder;
mod interrupt;
mod machine;
mod output;
mod parts;
mod passphrase;
mod paths;
mod quantize;
mod results;
mod secret;
mod stop;
mod subject;
mod tell;

use clap::{CommandFactory, Parser, Subcommand};
use failure::{Failure, Kind, Result};
use output::{Context, Outcome};
use serde_json::json;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;

const EXIT_CODES: &str = "\
Exit codes:
  0  done, and every check held
  1  a check came out false: a proof refused, weights that differ
  2  the arguments are wrong or do not fit together
  3  an input file is not what it should be
  4  the machine lacks something: a file, a permission, memory, an SRS, a key
  5  a fault of this program, please report it
  6  every check held, but something that the result depends on, or that was asked for,
     was not shown: keys that came with the proofs, a model that is not the plan's
  130  stopped by Ctrl-C or SIGTERM; a second one ends the program at once

With --json, standard output is one JSON object in every case:
  {\"command\": ..., \"ok\": ..., \"exit_code\": ..., ...} and, after an error,
  {\"error\": {\"kind\": ..., \"messages\": [...], \"help\": ...}}.";

/// Proofs that a model's starting weights came from public randomness by a public rule.
#[derive(Debug, Parser)]
#[command(name = "nascent", version, after_help = EXIT_CODES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    #[command(flatten)]
    global: Global,
}

#[derive(Debug, clap::Args)]
struct Global {
    /// Print one JSON object instead of words
    #[arg(long, global = true)]
    json: bool,
    /// Print only the result
    #[arg(long, short, global = true)]
    quiet: bool,
    /// Most memory, in GiB, for laying out a model's circuit: graphs of strangers can ask for any
    /// amount
    #[arg(long, global = true, value_name = "GIB", default_value_t = 4, value_parser = clap::value_parser!(u64).range(1..=4096))]
    max_memory: u64,
    /// Folder for SRS, keys and unfinished work [default: the user's cache folder]
    #[arg(long, global = true, value_name = "DIR", env = "NASCENT_CACHE")]
    cache: Option<PathBuf>,
    /// Worker threads [default: one for each core]
    #[arg(long, global = true, value_name = "N", value_parser = clap::value_parser!(u16).range(1..=1024))]
    threads: Option<u16>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Fix a model, its rules, a publisher and a future beacon value
    Plan(commands::plan::Args),
    /// Derive the weights once the beacon value is known
    Init(commands::init::Args),
    /// Quantize an ONNX model and say what a proof of it takes
    Compile(commands::compile::Args),
    /// Publish a commitment to a quantized model's parameters
    Commit(commands::commit::CommitArgs),
    /// Check a commitment against the parameters themselves
    Open(commands::commit::OpenArgs),
    /// Compute a quantized model's answers, without a proof
    Run(commands::run::Args),
    /// Prove that the weights of a plan come from its seed; or an inference
    Prove(Box<commands::prove::Args>),
    /// Verify a proof, or a whole chain, and say what it shows and what not
    Verify(Box<commands::verify::Args>),
    /// Put plan, proofs, commitments and answers into one file that holds, and draw it
    Chain(commands::chain::Args),
    /// Derive weights again and compare them with given ones
    Audit(commands::audit::Args),
    /// Beacon values with their evidence: fetch, pack, check
    Beacon(commands::beacon::Args),
    /// Draw a publisher's secret for hidden seeds, encrypted under a passphrase
    Keygen(commands::keygen::Args),
    /// A publisher's secret: make one unencrypted, show its key
    Secret(commands::secret::Args),
    /// Structured reference strings: import, check, derive, list
    Srs(commands::srs::Args),
    /// Proving and verifying keys
    Keys(commands::keys::Args),
    /// Say what a file is and what it holds
    Inspect(commands::inspect::Args),
    /// The whole chain on a bundled model, and its refusals
    Demo(commands::demo::Args),
    /// Print a completion script for a shell
    Completions(commands::completions::Args),
}

impl Command {
    fn name(&self) -> &'static str {
        match self {
            Self::Plan(_) => "plan",
            Self::Init(_) => "init",
            Self::Compile(_) => "compile",
            Self::Commit(_) => "commit",
            Self::Open(_) => "open",
            Self::Run(_) => "run",
            Self::Prove(_) => "prove",
            Self::Verify(_) => "verify",
            Self::Chain(_) => "chain",
            Self::Audit(_) => "audit",
            Self::Beacon(_) => "beacon",
            Self::Keygen(_) => "keygen",
            Self::Secret(_) => "secret",
            Self::Srs(_) => "srs",
            Self::Keys(_) => "keys",
            Self::Inspect(_) => "inspect",
            Self::Demo(_) => "demo",
            Self::Completions(_) => "completions",
        }
    }

    /// Whether the work is of no use, or cannot go on, without what is kept between runs.
    fn keeps(&self) -> bool {
        matches!(self, Self::Prove(_) | Self::Srs(_) | Self::Keys(_))
    }

    fn run(self, context: &Context) -> Result<Outcome> {
        match self {
            Self::Plan(args) => commands::plan::run(context, args),
            Self::Init(args) => commands::init::run(context, args),
            Self::Compile(args) => commands::compile::run(context, args),
            Self::Commit(args) => commands::commit::commit(context, args),
            Self::Open(args) => commands::commit::open(context, args),
            Self::Run(args) => commands::run::run(context, args),
            Self::Prove(args) => commands::prove::run(context, *args),
            Self::Verify(args) => commands::verify::run(context, *args),
            Self::Chain(args) => commands::chain::run(context, args),
            Self::Audit(args) => commands::audit::run(context, args),
            Self::Beacon(args) => commands::beacon::run(context, args),
            Self::Keygen(args) => commands::keygen::run(context, args),
            Self::Secret(args) => commands::secret::run(context, args),
            Self::Srs(args) => commands::srs::run(context, args),
            Self::Keys(args) => commands::keys::run(context, args),
            Self::Inspect(args) => commands::inspect::run(context, args),
            Self::Demo(args) => commands::demo::run(context, args),
            Self::Completions(args) => commands::completions::run(context, args),
        }
    }
}

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let cli = match Cli::try_parse_from(&arguments) {
        Ok(cli) => cli,
        Err(error) => return ExitCode::from(no_command(&arguments, error)),
    };
    let name = cli.command.name();
    let json = cli.global.json;
    let result = interrupt::watch(json, name)
        .and_then(|()| start(&cli))
        .and_then(|context| interrupt::catch(|| cli.command.run(&context)));
    ExitCode::from(output::conclude(json, name, result))
}

/// Arguments that name no work: a request for help, or a mistake.
fn no_command(arguments: &[OsString], error: clap::Error) -> u8 {
    let json = arguments.iter().any(|argument| argument == "--json");
    let text = error.to_string();
    let wrong = error.use_stderr();
    if !json && wrong {
        // Coloured where a terminal is; nobody is left to be told if it fails.
        let _ = error.print();
        return Kind::Usage.code();
    }
    let command = Cli::command();
    let named = |name: &OsString| command.get_subcommands().find(|it| name == it.get_name());
    let name = arguments.iter().skip(1).find_map(named);
    let name = name.map_or("nascent", |command| command.get_name());
    let result = if wrong {
        Err(Failure::new(Kind::Usage, text.trim_end()))
    } else {
        if !json {
            output::say(text.trim_end());
        }
        Ok(Outcome::ok(json!({ "help": text })))
    };
    output::conclude(json, name, result)
}

fn start(cli: &Cli) -> Result<Context> {
    let global = &cli.global;
    if let Some(threads) = global.threads {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(usize::from(threads));
        pool.build_global()
            .map_err(|error| Failure::new(Kind::Environment, format!("threads: {error}")))?;
    }
    let mut temporary = None;
    let cache = match (&global.cache, machine::cache_folder()) {
        (Some(cache), _) => cache.clone(),
        (None, Ok(cache)) => cache,
        (None, Err(failure)) if cli.command.keeps() => return Err(failure),
        (None, Err(failure)) => {
            let folder = tempfile::tempdir().map_err(|_| failure)?;
            let cache = folder.path().to_path_buf();
            temporary = Some(folder);
            cache
        }
    };
    Ok(Context {
        memory: global.max_memory << 30,
        columns: output::terminal_columns(),
        going: output::Going::default(),
        json: global.json,
        quiet: global.quiet,
        cache,
        _temporary: temporary,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_argument_parser_is_consistent() {
        Cli::command().debug_assert();
    }
}
