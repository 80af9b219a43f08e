//! `nascent prove relayout`: the weights of an inference are the deviates of
//! a plan's tiles.

use crate::arguments::{self, BeaconArgs, DEVELOPMENT_NOTICE, SrsArgs};
use crate::beside::{key_file, links_file};
use crate::commitments;
use crate::failure::{Classify, Kind, Result};
use crate::files;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::parts::Parts;
use crate::paths::Paths;
use crate::secret::SecretArgs;
use crate::tell;
use nascent::derive::Origin;
use nascent::model::{GRAPH, PARAMS, origins_files, read_graph, read_origins};
use nascent::relayout::Prover;
use nascent_ir::Params;
use nascent_verifier::codec::Format;
use nascent_verifier::{Links, VkData};
use rand_core::OsRng;
use std::path::PathBuf;
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
    let setting = context.setting();
    let prover = Prover::new(&setting, &plan.model, &graph, &origins, &identity)?;
    let key_time = started.elapsed();
    let key_path = key_file(&args.out, prover.key().digest());
    paths.also_beside("the verifying key", &key_path, VkData::MAGIC)?;
    let secrets = match args.commitment.is_empty() {
        true => None,
        false => Some(commitments::secrets(
            &args.commitment,
            &args.opening,
            prover.srs(),
        )?),
    };
    let origin = Origin::new(&plan, &beacon, secret.as_ref());
    let made = prover.prove(&setting, origin, &params, secrets.as_ref(), &mut OsRng)?;
    let mut json = output::json(&made.report())?;
    let (bundle, links) = (made.bundle, made.links);
    let parts = Parts {
        proof: bundle.encode().or_fail(Kind::Internal)?,
        key: prover.key().encode().or_fail(Kind::Internal)?,
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
        output::duration(made.time),
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
    json["relayout"] = output::path(&args.out);
    json["key"] = output::path(&key_path);
    json["links"] = output::path_of(links.map(|_| links_file(&args.out)));
    json["key_seconds"] = key_time.as_secs_f64().into();
    json["peak_memory_bytes"] = machine::peak_memory().into();
    Ok(Outcome::ok(json))
}
