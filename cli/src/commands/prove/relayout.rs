//! `nascent prove relayout`: the weights of an inference are the deviates of
//! a plan's tiles.

use crate::arguments::{self, BeaconArgs, DEVELOPMENT_NOTICE, SrsArgs};
use crate::beside::{key_file, links_file};
use crate::commitments::Publisher;
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::folder::{GRAPH, PARAMS, origins_files, read_graph, read_origins};
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::parts::Parts;
use crate::paths::Paths;
use crate::secret::SecretArgs;
use crate::tell;
use nascent::relayout::{StatementReport, lay_out};
use nascent::srs;
use nascent_circuits::relayout::Layout;
use nascent_ir::{Origins, Params};
use nascent_prover::derive::DeriveError;
use nascent_prover::link::Blinding;
use nascent_prover::relayout::{RelayoutKeys, RelayoutProof, RelayoutProofError, deviates};
use nascent_verifier::codec::Format;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{Beacon, Links, Plan, VkData};
use rand_core::OsRng;
use std::path::PathBuf;
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

/// Keys: a function of the layout and the SRS alone. The columns are looked at by themselves.
fn keys(
    context: &Context,
    layout: Layout,
    origins: &Origins,
    identity: &[u8; 32],
) -> Result<(RelayoutKeys, nascent_params::Srs)> {
    let srs = srs::load(&context.setting(), identity, layout.shape.k)?;
    let keys = RelayoutKeys::generate(Arc::new(layout), origins, &srs).or_fail(Kind::Internal)?;
    keys.circuit().check().or_fail(Kind::Internal)?;
    Ok((keys, srs))
}

/// `nascent prove relayout`.
pub fn prove(context: &Context, args: ProveArgs) -> Result<Outcome> {
    let paths = args.paths().check()?;
    let identity = args.srs.identity(context)?;
    let plan = arguments::read_plan(&args.plan)?.plan;
    let beacon = args.beacon.require(&plan)?;
    let secret = args.secret.read()?;
    let graph = read_graph(&args.folder.join(GRAPH))?;
    let params: Params = files::read(&args.folder.join(PARAMS))?;
    params.check(&graph).or_fail(Kind::Input)?;
    let origins = read_origins(&args.folder, &plan.model)?;
    let started = Instant::now();
    let layout = lay_out(&context.setting(), &plan.model, &graph, &origins)?;
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
    let deriver = nascent::derive::deriver(&plan, &beacon, secret.as_ref())?;
    let lanes = deviates(keys.circuit().layout(), &deriver).map_err(Failure::from)?;
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
    tell::relayout(context, &bundle.statement);
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
    if nascent::srs::is_development(&identity) {
        context.notice(DEVELOPMENT_NOTICE);
    }
    let mut json = output::json(&StatementReport::new(&bundle))?;
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
