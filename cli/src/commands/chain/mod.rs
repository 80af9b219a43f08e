//! `nascent chain`: one file from plan to answers, and its picture.

mod gather;

use crate::arguments::DEVELOPMENT_NOTICE;
use crate::beside;
use crate::failure::{Classify, Failure, Kind, Result};
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::results::Results;
use nascent::chain::svg;
use nascent::chain::{self, Declared};
use nascent::srs;
use nascent_params::atomic::Access;
use nascent_verifier::codec::Format;
use nascent_verifier::text::Quoted;
use serde_json::json;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proof bundles of the initialization (with those of plans that it inherits from), the commitments, relayouts and inferences, in any
    /// order; folders of `nascent compile` for what keys are derived from. Links and keys beside a
    /// proof are found
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// Where the chain goes
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// Declare that one commitment's weights follow from another's by training: nothing proves it,
    /// and everybody is told so. Names are those of the commitments' files, without extension
    #[arg(long, value_name = "NAME:FROM:WORDS", value_parser = declared)]
    trained: Vec<Declared>,
    /// SRS of the verifier (`nascent srs export`) [default: an imported one with the right digest]
    #[arg(long, value_name = "FILE")]
    srs: Option<PathBuf>,
    /// Also draw the chain (SVG)
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// `nascent chain`: nothing is written that does not hold.
pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let paths = Paths::new(args.force)
        .read("a file of the chain", &args.files)
        .read("--srs", &args.srs)
        .write("--picture", &args.picture)
        .write("--out", [&args.out])
        .check()?;
    let pieces = gather::read(context, &args.files)?;
    let verifier = match args.srs.as_deref() {
        Some(path) => beside::read_srs(path)?,
        None => srs::of_verifier(&context.setting(), pieces.srs_digest()?)?,
    };
    let (chain, report) = pieces.assemble(&args.trained, &verifier)?;
    let bytes = chain.encode().or_fail(Kind::Input)?;
    let story = chain::tell(&chain, &report)?;
    let mut results = Results::default();
    if let Some(picture) = &args.picture {
        results.bytes(picture, Access::Umask, svg(&story).as_bytes())?;
    }
    results.bytes(&args.out, Access::Umask, &bytes)?;
    results.publish(&paths)?;
    let line = |name: &str, text: String| context.result(format!("{name:<18}{text}"));
    line("chain", output::bytes(bytes.len() as u64));
    line("proofs", count(report.proofs));
    line("links", count(report.links));
    for version in &report.versions {
        let proved = if report.is_initial(&version.name) {
            "from the beacon"
        } else {
            "DECLARED, not proved"
        };
        line("weights", format!("{}: {proved}", Quoted(&version.name)));
    }
    line("answers", count(report.answers.len() as u64));
    context.note(format!(
        "Verify: nascent verify {}{}",
        args.out.display(),
        if report.development_srs {
            " --development-srs"
        } else {
            ""
        }
    ));
    if report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
    Ok(Outcome::ok(json!({
        "chain": output::path(&args.out),
        "picture": output::path_of(args.picture.as_ref()),
        "bytes": bytes.len(),
        "proofs": report.proofs,
        "links": report.links,
        "versions": report.versions.iter().map(|of| &of.name).collect::<Vec<_>>(),
        "answers": report.answers.len(),
        "srs": hex::encode(report.srs_digest),
        "development_srs": report.development_srs,
    })))
}

/// What a file without a use in a chain is told.
fn no_use(path: &std::path::Path, what: &str) -> Failure {
    Failure::new(
        Kind::Usage,
        format!("{}: a {what} has no place in a chain", path.display()),
    )
    .help("a chain takes proof bundles, commitments, relayouts, inferences, links, keys, and folders of `nascent compile`")
}

/// A declaration as it is given: NAME:FROM:WORDS.
fn declared(text: &str) -> std::result::Result<Declared, &'static str> {
    let mut parts = text.splitn(3, ':').map(str::to_owned);
    match (parts.next(), parts.next(), parts.next()) {
        (Some(name), Some(from), Some(words)) => Ok(Declared { name, from, words }),
        _ => Err("write NAME:FROM:WORDS"),
    }
}
