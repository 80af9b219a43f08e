//! `nascent prove relayout`, and its verification: the weights of an inference are the deviates of
//! a plan's tiles.

use super::common::{self, BeaconArgs, DEVELOPMENT_NOTICE, FORGEABLE, TRIAL};
use super::compile::{GRAPH, ORIGINS, PARAMS};
use super::inference::{lay_out, read_graph};
use super::init;
use super::inspect::read_key;
use super::keys::SrsArgs;
use super::prove::key_file;
use super::srs;
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::secret::SecretArgs;
use nascent_circuits::inference::Hidden;
use nascent_circuits::relayout::{Layout, plan as relayout_plan};
use nascent_ir::{CheckedGraph, Origins, Params};
use nascent_prover::derive::DeriveError;
use nascent_prover::relayout::{RelayoutKeys, RelayoutProofError, deviates, statement};
use nascent_verifier::codec::Format;
use nascent_verifier::{
    ModelSpec, RelayoutBundle, RelayoutStatement, VerifyingKey, verify_relayout,
};
use rand_core::OsRng;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub struct ProveArgs {
    /// The folder that `nascent compile --plan` wrote
    folder: PathBuf,
    /// The plan that it was compiled with
    #[arg(long, value_name = "FILE")]
    plan: PathBuf,
    #[command(flatten)]
    beacon: BeaconArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    srs: SrsArgs,
    /// Where the proof goes; the verifying key goes beside it
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
}

/// The layout of a relayout: a function of model, architecture and origins alone.
fn layout(model: &ModelSpec, graph: &CheckedGraph, origins: &Origins) -> Result<Layout> {
    let (inference, shape) = lay_out(graph, Hidden::default())?;
    relayout_plan(model, origins, graph, Arc::new(inference), &shape)
        .or_fail(Kind::Input)
        .help("compile the model again with this plan")
}

/// Keys: a function of the layout and the SRS alone. The columns are looked at by themselves.
fn keys(
    context: &Context,
    layout: Layout,
    origins: &Origins,
    identity: &[u8; 32],
) -> Result<(RelayoutKeys, nascent_params::Srs)> {
    let srs = srs::load(context, identity, layout.shape.k)?;
    let keys = RelayoutKeys::generate(Arc::new(layout), origins, &srs).or_fail(Kind::Internal)?;
    keys.circuit().check().or_fail(Kind::Internal)?;
    Ok((keys, srs))
}

/// `nascent prove relayout`.
pub fn prove(context: &Context, args: ProveArgs) -> Result<Outcome> {
    files::check_output(&args.out, args.force)?;
    let identity = args.srs.identity(context)?;
    let plan = common::read_plan(&args.plan)?.plan;
    let beacon = args.beacon.require(&plan)?;
    let secret = args.secret.read()?;
    let graph = read_graph(&args.folder.join(GRAPH))?;
    let params: Params = files::read(&args.folder.join(PARAMS))?;
    params.check(&graph).or_fail(Kind::Input)?;
    let origins: Origins = files::read(&args.folder.join(ORIGINS))?;
    let started = Instant::now();
    let layout = layout(&plan.model, &graph, &origins)?;
    let (keys, srs) = keys(context, layout, &origins, &identity)?;
    let key_time = started.elapsed();
    let started = Instant::now();
    let deriver = init::deriver(&plan, &beacon, secret.as_ref())?;
    let lanes = deviates(keys.circuit().layout(), &deriver).map_err(common::derive_failure)?;
    let made = keys
        .prove(&srs, &lanes, &params, OsRng)
        .map_err(proof_failure)?;
    let prove_time = started.elapsed();
    let bundle = made.bundle;
    let key_path = key_file(&args.out, &bundle.vk_digest);
    files::write(
        &key_path,
        &keys.verifying_key().encode().or_fail(Kind::Internal)?,
    )?;
    files::write(&args.out, &bundle.encode().or_fail(Kind::Internal)?)?;
    print_statement(context, &bundle.statement);
    context.result(format!(
        "proof             {} bytes, made in {} after {} for the keys",
        count(bundle.proof.len() as u64),
        output::duration(prove_time),
        output::duration(key_time),
    ));
    context.note(format!(
        "Tiles of the same size: nascent prove {} --k {}",
        args.plan.display(),
        bundle.statement.k
    ));
    if common::is_development(&identity) {
        context.warn(DEVELOPMENT_NOTICE);
    }
    let mut json = statement_json(&bundle);
    json["relayout"] = json!(args.out);
    json["key"] = json!(key_path);
    json["proof_bytes"] = bundle.proof.len().into();
    json["key_seconds"] = key_time.as_secs_f64().into();
    json["prove_seconds"] = prove_time.as_secs_f64().into();
    json["peak_memory_bytes"] = machine::peak_memory().into();
    Ok(Outcome::ok(json))
}

fn proof_failure(error: RelayoutProofError) -> Failure {
    let kind = match &error {
        RelayoutProofError::Witness(_) => Kind::Input,
        RelayoutProofError::Derive(DeriveError::WrongSecret) => Kind::Usage,
        _ => Kind::Internal,
    };
    Failure::from_error(kind, error)
}

/// What a relayout is about, in words.
pub fn print_statement(context: &Context, statement: &RelayoutStatement) {
    let line = |name: &str, value: String| context.result(format!("{name:<18}{value}"));
    line("model digest", hex::encode(statement.model));
    line("architecture", hex::encode(statement.architecture));
    line("origins", hex::encode(statement.origins));
    let tiles = statement.tiles.len() as u64;
    line(
        "columns",
        format!(
            "lanes of {} tiles of 2^{} rows, {} columns of weights",
            count(tiles),
            statement.k,
            statement.weights
        ),
    );
}

/// What a relayout is about, for `--json`.
pub fn statement_json(bundle: &RelayoutBundle) -> Value {
    let statement = &bundle.statement;
    let tiles = statement.tiles.iter();
    let tiles = tiles.map(|tile| json!({ "stream": tile.stream, "index": tile.index }));
    json!({
        "model_digest": hex::encode(statement.model),
        "architecture": hex::encode(statement.architecture),
        "origins": hex::encode(statement.origins),
        "k": statement.k,
        "tiles": tiles.collect::<Vec<_>>(),
        "weight_columns": statement.weights,
        "vk_digest": hex::encode(bundle.vk_digest),
        "srs": hex::encode(bundle.srs_digest),
        "development_srs": common::is_development(&bundle.srs_digest),
    })
}

/// How a relayout is to be verified.
#[derive(Debug)]
pub struct VerifyArgs<'a> {
    pub file: &'a Path,
    pub plan: Option<&'a Path>,
    pub architecture: Option<&'a Path>,
    pub origins: Option<&'a Path>,
    pub key: Option<&'a Path>,
    pub srs: Option<&'a Path>,
    pub development_srs: bool,
}

/// `nascent verify` of a relayout.
pub fn verify(context: &Context, args: &VerifyArgs<'_>) -> Result<Outcome> {
    let bundle: RelayoutBundle = files::read(args.file)?;
    common::check_development(
        args.file,
        &bundle.srs_digest,
        args.development_srs,
        FORGEABLE,
    )
    .help(TRIAL)?;
    let srs = srs::for_verifier(context, args.srs, &bundle.srs_digest)?;
    let (key, rederived) = find_key(context, args, &bundle)?;
    let started = Instant::now();
    let report = verify_relayout(&bundle, &key, &srs)
        .or_fail(Kind::Refused)
        .doing(format!("REFUSED: {}", args.file.display()))
        .help("this proof shows nothing")?;
    let time = started.elapsed();
    context.result(
        "proved: the weights behind the proof's commitments are the deviates behind its other",
    );
    context.result(
        "        commitments, element by element, in the order that the list of origins says",
    );
    print_statement(context, &bundle.statement);
    context.result(format!(
        "{:<18}{}",
        "SRS",
        common::srs_words(&report.srs_digest)
    ));
    context.result("not proved: that these are the commitments of the tiles' proofs and of an inference's: links");
    context.result("            show that; anything about biases and multipliers, and about constants of the plan");
    if !rederived {
        context.result("            that the verifying key is the statement's: it came WITH THE PROOF, or from you.");
        context.result("            Give --plan, --architecture and --origins to derive it here.");
    }
    context.result(format!("verified in {}", output::duration(time)));
    if report.development_srs {
        context.warn(DEVELOPMENT_NOTICE);
    }
    let mut json = statement_json(&bundle);
    json["relayout"] = json!(args.file);
    json["key_rederived"] = rederived.into();
    json["proof_bytes"] = bundle.proof.len().into();
    json["verify_seconds"] = time.as_secs_f64().into();
    Ok(Outcome::ok(json))
}

/// The verifying key: derived if plan, architecture and origins were given.
fn find_key(
    context: &Context,
    args: &VerifyArgs<'_>,
    bundle: &RelayoutBundle,
) -> Result<(VerifyingKey, bool)> {
    let (Some(plan), Some(graph), Some(origins)) = (args.plan, args.architecture, args.origins)
    else {
        let beside = key_file(args.file, &bundle.vk_digest);
        return Ok((read_key(args.key.unwrap_or(&beside))?, false));
    };
    let plan = common::read_plan(plan)?.plan;
    let graph = read_graph(graph)?;
    let origins: Origins = files::read(origins)?;
    let layout = layout(&plan.model, &graph, &origins)?;
    if statement(&layout, &origins).or_fail(Kind::Internal)? != bundle.statement {
        let message = format!(
            "REFUSED: {} is about another plan, architecture or list of origins",
            args.file.display()
        );
        return Err(Failure::new(Kind::Refused, message));
    }
    let (keys, _) = keys(context, layout, &origins, &bundle.srs_digest)?;
    Ok((keys.verifying_key().clone(), true))
}
