//! `nascent beacon`: values with their evidence, from bytes or from an endpoint.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::{self, Context, Outcome};
use crate::paths::Paths;
use crate::tell;
use nascent::evidence::{self, Known};
use nascent_beacons::fetch::{Client, FetchError, Limits};
use nascent_beacons::{establish, evidence_from_json, parse_source};
use nascent_verifier::beacon::MAX_EVIDENCE;
use nascent_verifier::codec::Format;
use nascent_verifier::{BeaconSource, BeaconValue, Plan};
use std::path::{Path, PathBuf};
use std::time::Duration;
use zeroize::Zeroizing;

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Fetch the evidence of a source from an endpoint, check it, and keep it
    Fetch(FetchArgs),
    /// Keep evidence that you have from elsewhere, once it is checked
    ///
    /// A file of bytes (drand: the signature, in the chained network then the one before; Ethereum:
    /// the header's RLP; Bitcoin: the headers after the anchor; VRF: the proof; words: the value),
    /// or the JSON that drand's API or a node answers.
    Pack(PackArgs),
    /// Say what a value's evidence shows, and what not
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
struct SourceArgs {
    /// The source: drand:.., ethereum:.., bitcoin:.., vrf:.. or words:..
    #[arg(long, value_parser = parse_source, conflicts_with = "plan")]
    source: Option<BeaconSource>,
    /// A plan: its source
    #[arg(long, value_name = "FILE", required_unless_present = "source")]
    plan: Option<PathBuf>,
    /// Which of the plan's sources, from 1
    #[arg(long, value_name = "N", default_value_t = 1)]
    number: usize,
}

impl SourceArgs {
    /// The file that is read.
    fn declare(&self, paths: Paths) -> Paths {
        paths.read("--plan", &self.plan)
    }

    fn source(self) -> Result<BeaconSource> {
        if let Some(source) = self.source {
            return Ok(source);
        }
        let plan: Plan = files::read(&self.plan.unwrap_or_default())?;
        let sources = plan.beacon.sources();
        let source = self.number.checked_sub(1).and_then(|at| sources.get(at));
        source.cloned().ok_or_else(|| {
            let message = format!("the plan has {} sources", sources.len());
            Failure::new(Kind::Usage, message).help("--number counts from 1")
        })
    }
}

#[derive(Debug, clap::Args)]
struct FetchArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// Where to ask: the URL of a drand API, or of a node's JSON-RPC
    #[arg(long, value_name = "URL")]
    endpoint: String,
    /// A file with user:password, as a Bitcoin node's cookie
    #[arg(long, value_name = "FILE")]
    auth_file: Option<PathBuf>,
    /// Seconds for one request
    #[arg(long, value_name = "SECONDS", default_value_t = 30, value_parser = clap::value_parser!(u64).range(1..=600))]
    timeout: u64,
    /// Requests before giving up
    #[arg(long, value_name = "N", default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=20))]
    attempts: u32,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, clap::Args)]
struct PackArgs {
    #[command(flatten)]
    source: SourceArgs,
    /// The evidence
    file: PathBuf,
    #[command(flatten)]
    out: OutArgs,
}

#[derive(Debug, clap::Args)]
struct OutArgs {
    /// Where the value with its evidence goes
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

#[derive(Debug, clap::Args)]
struct CheckArgs {
    /// A file of `nascent beacon`
    file: PathBuf,
    /// Hash of a block that you know to be final, as it is displayed
    #[arg(long, value_name = "HEX", value_parser = files::digest)]
    block_hash: Vec<[u8; 32]>,
    /// Key of a VRF whose holder you trust
    #[arg(long, value_name = "HEX", value_parser = files::digest)]
    vrf_key: Vec<[u8; 32]>,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    match args.command {
        Command::Fetch(args) => fetch(context, args),
        Command::Pack(args) => pack(context, args),
        Command::Check(args) => {
            let value: BeaconValue = files::read(&args.file)?;
            let known = Known {
                blocks: &args.block_hash,
                vrf_keys: &args.vrf_key,
            };
            tell(context, &args.file, &value, &known)
        }
    }
}

fn fetch(context: &Context, args: FetchArgs) -> Result<Outcome> {
    let paths = args.source.declare(Paths::new(args.out.force));
    let paths = paths.read("--auth-file", &args.auth_file);
    paths.write("--out", [&args.out.out]).check()?;
    let source = args.source.source()?;
    let limits = Limits {
        request: Duration::from_secs(args.timeout),
        attempts: args.attempts,
        ..Limits::default()
    };
    let mut client = Client::new(&args.endpoint, limits).map_err(fetch_failure)?;
    if let Some(path) = &args.auth_file {
        let bytes = files::read_bounded(path, 1024)?;
        let credentials = String::from_utf8(bytes)
            .or_fail(Kind::Input)
            .doing(format!("{} is not text", path.display()))?;
        let credentials = Zeroizing::new(credentials);
        client = client.with_password(credentials.trim_end());
    }
    context.note(format!("asking for {source}"));
    let (value, _) = client.fetch(&source).map_err(fetch_failure)?;
    keep(context, &args.out, &value)
}

fn fetch_failure(error: FetchError) -> Failure {
    let kind = match &error {
        FetchError::Endpoint | FetchError::Source => Kind::Usage,
        FetchError::Evidence(_) => Kind::Refused,
        FetchError::Json(_) | FetchError::TooLarge { .. } => Kind::Input,
        _ => Kind::Environment,
    };
    Failure::from_error(kind, error)
}

fn pack(context: &Context, args: PackArgs) -> Result<Outcome> {
    let paths = args.source.declare(Paths::new(args.out.force));
    let paths = paths.read("the evidence", [&args.file]);
    paths.write("--out", [&args.out.out]).check()?;
    let source = args.source.source()?;
    // Hexadecimal in JSON takes twice the bytes, and a block has more than its header.
    let bytes = files::read_bounded(&args.file, 8 * MAX_EVIDENCE)?;
    let value = if let BeaconSource::Words(_) = source {
        BeaconValue {
            source,
            value: bytes,
            evidence: Vec::new(),
        }
    } else {
        let json = bytes.trim_ascii_start().first();
        let evidence = match json {
            Some(b'{' | b'[') => evidence_from_json(&source, &bytes)
                .or_fail(Kind::Input)
                .doing(args.file.display().to_string())?,
            _ => bytes,
        };
        let established = establish(source, evidence).or_fail(Kind::Refused);
        established.doing(args.file.display().to_string())?.0
    };
    value.validate().or_fail(Kind::Input)?;
    keep(context, &args.out, &value)
}

fn keep(context: &Context, out: &OutArgs, value: &BeaconValue) -> Result<Outcome> {
    let outcome = tell(context, &out.out, value, &Known::default())?;
    files::write(&out.out, &value.encode().or_fail(Kind::Internal)?)?;
    Ok(outcome)
}

fn tell(context: &Context, file: &Path, value: &BeaconValue, known: &Known<'_>) -> Result<Outcome> {
    let checked = evidence::check_value(1, value, known)?;
    tell::beacon_value(context, &checked, None);
    let mut json = output::json(&checked.report(None))?;
    json["file"] = output::path(file);
    Ok(Outcome::ok(json))
}
