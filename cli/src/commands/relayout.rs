//! `nascent prove relayout`, and its verification: the weights of an inference are the deviates of
//! a plan's tiles.

use super::commit::{Published, Publisher, TilesOf, links_file};
use super::common::{self, BeaconArgs, DEVELOPMENT_NOTICE, PlanSource};
use super::compile::{GRAPH, PARAMS, origins_files, read_origins};
use super::inference::{Parts, lay_out, read_graph};
use super::init;
use super::keys::SrsArgs;
use super::prove::key_file;
use super::srs;
use super::verify::{Args, KeyOrigin, proof_key};
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::paths::Paths;
use crate::secret::SecretArgs;
use nascent_circuits::inference::Hidden;
use nascent_circuits::relayout::{Layout, plan_within as relayout_plan};
use nascent_ir::{CheckedGraph, Coverage, List, Origins, OriginsError, Params, coverage};
use nascent_prover::derive::DeriveError;
use nascent_prover::link::Blinding;
use nascent_prover::relayout::{
    RelayoutKeys, RelayoutProof, RelayoutProofError, deviates, statement,
};
use nascent_verifier::codec::Format;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{
    Beacon, Links, ModelSpec, Plan, RelayoutBundle, RelayoutColumns, RelayoutStatement,
    VerifyingKey, VkData, verify_relayout_columns,
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
    /// The plan that it was compiled with, or an earlier one that weights are inherited from
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
    /// Link the proof to these commitments: to the tiles (`nascent prove PLAN --commit`) and to the
    /// parameters (`nascent commit`). The links go beside the proof
    #[arg(long, value_name = "FILE", requires = "opening")]
    commitment: Vec<PathBuf>,
    /// The secrets that were made with the commitments; one, if it is the same
    #[arg(long, value_name = "FILE", requires = "commitment")]
    opening: Vec<PathBuf>,
}

impl ProveArgs {
    /// What is read and written.
    fn paths(&self) -> Paths {
        let model = [GRAPH, PARAMS].map(|name| self.folder.join(name));
        let paths = Paths::new(self.force).read("the model", model);
        let paths = paths
            .read("the origins", origins_files(&self.folder))
            .read("--plan", [&self.plan])
            .read("--commitment", &self.commitment)
            .read("--opening", &self.opening);
        let paths = self.secret.declare(self.beacon.declare(paths));
        let links = !self.commitment.is_empty();
        paths
            .beside(
                "the links",
                links.then(|| links_file(&self.out)),
                Links::MAGIC,
            )
            .write("--out", [&self.out])
    }
}

/// The layout of a relayout: a function of model, architecture and origins alone.
fn layout(
    context: &Context,
    model: &ModelSpec,
    graph: &CheckedGraph,
    origins: &Origins,
) -> Result<Layout> {
    let (inference, shape) = lay_out(context, graph, Hidden::default())?;
    relayout_plan(
        model,
        origins,
        graph,
        Arc::new(inference),
        &shape,
        context.budget,
    )
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
    let paths = args.paths().check()?;
    let identity = args.srs.identity(context)?;
    let plan = common::read_plan(&args.plan)?.plan;
    let beacon = args.beacon.require(&plan)?;
    let secret = args.secret.read()?;
    let graph = read_graph(&args.folder.join(GRAPH))?;
    let params: Params = files::read(&args.folder.join(PARAMS))?;
    params.check(&graph).or_fail(Kind::Input)?;
    let origins = read_origins(&args.folder, &plan.model)?;
    let started = Instant::now();
    let layout = layout(context, &plan.model, &graph, &origins)?;
    let (keys, srs) = keys(context, layout, &origins, &identity)?;
    let key_time = started.elapsed();
    let key_path = key_file(&args.out, keys.verifying_key().digest());
    paths.also_beside("the verifying key", &key_path, VkData::MAGIC)?;
    let publisher = if args.commitment.is_empty() {
        None
    } else {
        let (commitments, openings) = (&args.commitment, &args.opening);
        Some(Publisher::load(commitments, openings, srs.verifier_srs())?)
    };
    let started = Instant::now();
    let deriver = init::deriver(&plan, &beacon, secret.as_ref())?;
    let lanes = deviates(keys.circuit().layout(), &deriver).map_err(common::derive_failure)?;
    let blinding = Blinding::draw(&mut OsRng);
    let made = keys
        .prove(&srs, &lanes, &params, &blinding)
        .map_err(proof_failure)?;
    let prove_time = started.elapsed();
    let links = match &publisher {
        Some(publisher) => Some(link(&keys, &made, &blinding, publisher, &plan, &beacon)?),
        None => None,
    };
    let bundle = made.bundle;
    let parts = Parts {
        proof: bundle.encode().or_fail(Kind::Internal)?,
        key: keys.verifying_key().encode().or_fail(Kind::Internal)?,
        links: match &links {
            Some(links) => Some(links.encode().or_fail(Kind::Internal)?),
            None => None,
        },
        salts: Vec::new(),
    };
    parts.write(context, &paths, &args.out, &key_path)?;
    print_statement(context, &bundle.statement);
    context.result(format!(
        "proof             {} bytes, made in {} after {} for the keys",
        count(bundle.proof.len() as u64),
        output::duration(prove_time),
        output::duration(key_time),
    ));
    match &links {
        Some(links) => context.result(format!(
            "links             {}, in {}",
            links.links.len(),
            links_file(&args.out).display()
        )),
        None => context.note(format!(
            "Tiles of the same size: nascent prove {} --k {} --commit FILE --opening FILE",
            args.plan.display(),
            bundle.statement.k
        )),
    }
    if common::is_development(&identity) {
        context.notice(DEVELOPMENT_NOTICE);
    }
    let mut json = statement_json(&bundle);
    json["relayout"] = output::path(&args.out);
    json["key"] = output::path(&key_path);
    json["links"] = output::path_of(links.map(|_| links_file(&args.out)));
    json["proof_bytes"] = bundle.proof.len().into();
    json["key_seconds"] = key_time.as_secs_f64().into();
    json["prove_seconds"] = prove_time.as_secs_f64().into();
    json["peak_memory_bytes"] = machine::peak_memory().into();
    Ok(Outcome::ok(json))
}

/// Links a proof to the commitments to its tiles and to its parameters.
fn link(
    keys: &RelayoutKeys,
    made: &RelayoutProof,
    blinding: &Blinding,
    publisher: &Publisher,
    plan: &Plan,
    beacon: &Beacon,
) -> Result<Links> {
    let statement = &made.bundle.statement;
    let (plan, beacon) = (plan.digest().or_fail(Kind::Input)?, beacon.digest());
    let mut links = Vec::new();
    for (position, tile) in statement.tiles.iter().enumerate() {
        let (stream, index) = (tile.stream, tile.index);
        let (part, opening) = publisher.find(&CommittedTo::Tile {
            plan,
            beacon,
            stream,
            index,
        })?;
        let link = keys
            .link_tile(made, blinding, position, part, opening, OsRng)
            .or_fail(Kind::Input)
            .doing(format!("tile {index} of stream {stream}"))
            .help("the tiles must be of the relayout's size: nascent prove PLAN --k K")?;
        links.push(link);
    }
    let architecture = statement.architecture;
    let (part, opening) = publisher.find(&CommittedTo::Parameters { architecture })?;
    let link = keys
        .link_weights(made, blinding, part, opening, OsRng)
        .or_fail(Kind::Input)
        .doing("the parameters")?;
    links.push(link);
    Ok(Links { links })
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
    pub srs: Option<&'a Path>,
    pub development_srs: bool,
    pub commitment: Option<&'a Path>,
    pub links: Option<&'a Path>,
    /// Where keys come from.
    pub keys: &'a Args,
}

/// `nascent verify` of a relayout.
pub fn verify(context: &Context, args: &VerifyArgs<'_>) -> Result<Outcome> {
    let bundle: RelayoutBundle = files::read(args.file)?;
    let (identity, accepted) = (&bundle.srs_digest, args.development_srs);
    let srs = srs::for_proofs(context, args.file, identity, args.srs, accepted)?;
    let given = args.plan.map(common::read_plan).transpose()?;
    check_given(args, &bundle.statement)?;
    let derive = || find_key(context, args, &bundle);
    let (key, origin) = proof_key(context, args.keys, &bundle.vk_digest, derive)?;
    let published = args
        .commitment
        .map(|path| Published::load(path, args.links, args.file, &srs))
        .transpose()?;
    let started = Instant::now();
    let (report, columns) = verify_relayout_columns(&bundle, &key, &srs)
        .or_fail(Kind::Refused)
        .doing(format!("REFUSED: {}", args.file.display()))
        .help("this proof shows nothing")?;
    let tiles_of = match &published {
        Some(published) => published.tiles_of()?,
        None => None,
    };
    if let (Some(published), Some(of)) = (&published, &tiles_of) {
        check_tiles_of(published, of, given.as_ref())?;
    }
    let linked = published
        .as_ref()
        .map(|published| linked(published, tiles_of, &bundle.statement, &columns))
        .transpose()?;
    let time = started.elapsed();
    context.result(
        "proved: the weights behind the proof's commitments are the deviates behind its other",
    );
    context.result(
        "        commitments, element by element, in the order that the list of origins says; its",
    );
    context.result("        public numbers, such as biases and multipliers, are those of the list");
    print_statement(context, &bundle.statement);
    context.result(format!(
        "{:<18}{}",
        "SRS",
        common::srs_words(&report.srs_digest)
    ));
    if let (Some(linked), Some(published)) = (linked, &published) {
        context.result(format!(
            "linked: {linked} are those committed in {}",
            hex::encode(published.digest())
        ));
    }
    if let Some(of) = &tiles_of {
        context.result(format!("        of the plan {}", hex::encode(of.plan)));
        context.result(format!(
            "        and the beacon value with the digest {}",
            hex::encode(of.beacon)
        ));
    }
    let covers = covers(args)?;
    let mut open: Vec<String> = args.keys.open_keys(origin.is_known()).into_iter().collect();
    open.extend(covers.as_ref().and_then(open_numbers));
    if args.plan.is_some() && tiles_of.is_none() {
        open.push(
            "that the deviates are of the plan that you gave: the relayout names its model alone; give \
             the commitment to the tiles (--commitment), or verify the chain"
                .to_owned(),
        );
    }
    if let Some(Ok(of)) = &covers {
        context.result(format!(
            "{:<18}{} are deviates, each element of {} sampled tensors; {} are public",
            "numbers",
            count(of.derived),
            count(of.tensors as u64),
            count(of.public),
        ));
    }
    context.result("not proved: that these are the commitments of the tiles' proofs and of an inference's: links show");
    context.result(
        "            that (--commitment), `nascent verify` of a chain all; that the commitment's",
    );
    context.result("            circuit has each number in the cell in which this one has it");
    print_open(context, covers.as_ref());
    if origin.is_known() {
        context.result(format!("key               {}", origin.words()));
    } else {
        context.result(format!(
            "            that the verifying key is the statement's: it {}",
            origin.words()
        ));
    }
    context.result(format!("verified in {}", output::duration(time)));
    if report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
    let mut json = statement_json(&bundle);
    json["relayout"] = output::path(args.file);
    json["key_origin"] = origin.name().into();
    json["key_rederived"] = (origin == KeyOrigin::Rederived).into();
    json["coverage"] = covers.map(|covers| coverage_json(&covers)).into();
    json["linked"] = json!(linked);
    json["linked_plan"] = json!(tiles_of.map(|of| hex::encode(of.plan)));
    json["linked_beacon"] = json!(tiles_of.map(|of| hex::encode(of.beacon)));
    json["commitment"] = json!(published.map(|published| hex::encode(published.digest())));
    json["proof_bytes"] = bundle.proof.len().into();
    json["verify_seconds"] = time.as_secs_f64().into();
    Ok(Outcome::unless_open(json, open))
}

/// The commitment's tiles are those of the plan that was given, and of its beacon value if that is a
/// bundle.
fn check_tiles_of(published: &Published, of: &TilesOf, given: Option<&PlanSource>) -> Result<()> {
    let Some(given) = given else {
        return Ok(());
    };
    if given.plan.digest().or_fail(Kind::Input)? != of.plan {
        return Err(published.refused("its tiles are another plan's"));
    }
    let beacon = given.beacon.as_ref().map(Beacon::digest);
    if beacon.is_some_and(|beacon| beacon != of.beacon) {
        return Err(published.refused("its tiles are of another beacon value"));
    }
    Ok(())
}

/// Checks the links to a published commitment, to the tiles or to the parameters; says to which.
fn linked(
    published: &Published,
    tiles_of: Option<TilesOf>,
    statement: &RelayoutStatement,
    columns: &RelayoutColumns,
) -> Result<&'static str> {
    let Some(TilesOf { plan, beacon }) = tiles_of else {
        let architecture = statement.architecture;
        let parameters = CommittedTo::Parameters { architecture };
        published.check_across(&parameters, &columns.weights)?;
        return Ok("the parameters");
    };
    for (tile, lanes) in statement.tiles.iter().zip(&columns.tiles) {
        let (stream, index) = (tile.stream, tile.index);
        let subject = CommittedTo::Tile {
            plan,
            beacon,
            stream,
            index,
        };
        published
            .check_across(&subject, lanes)
            .doing(format!("tile {} of stream {}", tile.index, tile.stream))?;
    }
    Ok("the tiles' deviates")
}

/// What a list leaves open of a graph's numbers.
type Covers = std::result::Result<Coverage, OriginsError>;

/// Holds the list against the plan's model and the graph, if all three were given.
fn covers(args: &VerifyArgs<'_>) -> Result<Option<Covers>> {
    let (Some(plan), Some(graph), Some(origins)) = (args.plan, args.architecture, args.origins)
    else {
        return Ok(None);
    };
    let plan = common::read_plan(plan)?.plan;
    let (graph, origins) = (read_graph(graph)?, files::read(origins)?);
    let list = List {
        plan: plan.digest().or_fail(Kind::Input)?,
        model: &plan.model,
        origins: &origins,
    };
    Ok(Some(coverage(&[list], &graph)))
}

/// What a list leaves open that a caller who gave plan, architecture and list asked for.
fn open_numbers(covers: &Covers) -> Option<String> {
    match covers {
        Ok(of) if of.chosen == 0 => None,
        Ok(of) => Some(format!(
            "what {} of the architecture's numbers are: the publisher chose them",
            count(of.chosen)
        )),
        Err(error) => Some(format!(
            "that these are all weights of the plan's model: {error}"
        )),
    }
}

/// What is left open, below what is not proved.
fn print_open(context: &Context, covers: Option<&Covers>) {
    let open = |words: String| context.result(format!("            {words}"));
    match covers {
        None => open("anything about numbers that are neither deviates nor public".to_owned()),
        Some(Ok(of)) => {
            if of.chosen > 0 {
                open(format!(
                    "anything about {} numbers in {} matrices: the publisher chose them",
                    count(of.chosen),
                    count(of.chosen_params.len() as u64)
                ));
            }
            if of.constants > 0 {
                open(format!(
                    "anything about {} numbers that the graph has as constants in products",
                    count(of.constants)
                ));
            }
        }
        Some(Err(error)) => open(format!(
            "that these are all weights of the plan's model: {error}"
        )),
    }
}

fn coverage_json(coverage: &Covers) -> Value {
    match coverage {
        Ok(of) => json!({
            "complete": true,
            "derived": of.derived,
            "repeated": of.repeated,
            "public": of.public,
            "chosen": of.chosen,
            "constants": of.constants,
            "other_constants": of.other_constants,
        }),
        Err(error) => json!({ "complete": false, "missing": error.to_string() }),
    }
}

/// The verifying key, if plan, architecture and origins were given. Each that was is the statement's,
/// also where the key is known already.
fn find_key(
    context: &Context,
    args: &VerifyArgs<'_>,
    bundle: &RelayoutBundle,
) -> Result<Option<VerifyingKey>> {
    let (Some(plan), Some(graph), Some(origins)) = (args.plan, args.architecture, args.origins)
    else {
        return Ok(None);
    };
    let plan = common::read_plan(plan)?.plan;
    let graph = read_graph(graph)?;
    let origins: Origins = files::read(origins)?;
    let key = derive_key(context, &plan.model, &graph, &origins, bundle)
        .doing(format!("REFUSED: {}", args.file.display()))?;
    Ok(Some(key))
}

/// What was given is what the proof's statement names.
fn check_given(args: &VerifyArgs<'_>, statement: &RelayoutStatement) -> Result<()> {
    let plan = args.plan.map(common::read_plan).transpose()?;
    let plan = plan.map(|plan| plan.plan.model.digest().or_fail(Kind::Input));
    let graph = args.architecture.map(read_graph).transpose()?;
    let graph = graph.map(|graph| graph.digest().or_fail(Kind::Input));
    let origins: Option<Origins> = args.origins.map(files::read).transpose()?;
    let origins = origins.map(|origins| origins.digest().or_fail(Kind::Input));
    for (what, given, stated) in [
        ("plan", plan.transpose()?, statement.model),
        ("architecture", graph.transpose()?, statement.architecture),
        ("list of origins", origins.transpose()?, statement.origins),
    ] {
        if given.is_some_and(|given| given != stated) {
            let message = format!("REFUSED: {} is about another {what}", args.file.display());
            return Err(Failure::new(Kind::Refused, message));
        }
    }
    Ok(())
}

/// The verifying key of a relayout that states what model, architecture and origins give.
pub fn derive_key(
    context: &Context,
    model: &ModelSpec,
    graph: &CheckedGraph,
    origins: &Origins,
    bundle: &RelayoutBundle,
) -> Result<VerifyingKey> {
    let layout = layout(context, model, graph, origins)?;
    if statement(&layout, origins).or_fail(Kind::Internal)? != bundle.statement {
        let message = "it is about another plan, architecture or list of origins";
        return Err(Failure::new(Kind::Refused, message));
    }
    let shape = &layout.shape;
    context.allow_key(layout.memory, shape.k, shape.fixed_columns())?;
    let srs = srs::load(context, &bundle.srs_digest, shape.k)?;
    let derived = RelayoutKeys::derive(Arc::new(layout), origins, &srs);
    let (circuit, key) = derived.or_fail(Kind::Internal)?;
    circuit.check().or_fail(Kind::Internal)?;
    Ok(key)
}
