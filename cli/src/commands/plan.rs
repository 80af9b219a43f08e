//! `nascent plan`: fix everything before the beacon value is known.

use crate::arguments::{self, PreviousPlans, RulesArgs};
use crate::failure::{Classify, Kind, Result};
use crate::files;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::passphrase::PassphraseArgs;
use crate::paths::Paths;
use crate::secret;
use nascent::model::ModelFile;
use nascent::plan::{PlanReport, row_distance};
use nascent_beacons::{Network, condition, parse_source};
use nascent_compiler::init::Init;
use nascent_compiler::{Limits, Model, TensorReport};
use nascent_verifier::codec::Format;
use nascent_verifier::text::Quoted;
use nascent_verifier::{Announcement, BeaconSource, Fill, StreamSpec};
use serde_json::{Value, json};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The architecture: an ONNX file (its weights do not matter), or a TOML description
    model: PathBuf,
    #[command(flatten)]
    rules: RulesArgs,
    /// Name of the model [default: the file's]
    #[arg(long)]
    name: Option<String>,
    #[command(flatten)]
    previous: PreviousPlans,
    /// Sample the weights whose names match anyway (`*` and `?`), though they could be inherited
    #[arg(long, value_name = "PATTERN", requires = "previous_plan")]
    redraw: Vec<String>,
    #[command(flatten)]
    beacon: AnnouncementArgs,
    #[command(flatten)]
    seed: SeedArgs,
    #[command(flatten)]
    passphrase: PassphraseArgs,
    /// The proofs shall also give a Poseidon2 digest of the weights, which other circuits can
    /// recompute; it makes proofs longer and proving slower, and does not change the weights
    #[arg(long)]
    weight_digest: bool,
    /// Where the plan goes
    #[arg(long, short, value_name = "FILE")]
    out: PathBuf,
    /// Replace the file if it exists
    #[arg(long)]
    force: bool,
    /// List every tensor with its rule
    #[arg(long, short)]
    verbose: bool,
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct AnnouncementArgs {
    /// Which future beacon value will be used, in words that anyone can follow
    #[arg(long, value_name = "TEXT")]
    beacon: Option<String>,
    /// A future value that evidence will show; several are combined in this order
    ///
    /// drand:network=quicknet,round=N (or time=SECONDS since 1970), network=default too;
    /// ethereum:number=N[,chain=ID]; bitcoin:anchor=HEIGHT/HASH,height=N,confirmations=N,bits=HEX
    /// with a block known now and the easiest target accepted; vrf:key=HEX,alpha=HEX; words:TEXT
    #[arg(long, value_name = "SOURCE", value_parser = parse_source)]
    source: Vec<BeaconSource>,
}

impl AnnouncementArgs {
    fn announcement(self) -> Announcement {
        match self.beacon {
            Some(words) => words.into(),
            None => self.source.into(),
        }
    }
}

#[derive(Debug, clap::Args)]
#[group(required = true, multiple = false)]
struct SeedArgs {
    /// Hidden seed: the weights stay private, and only a proof can show where they came from
    #[arg(long, value_name = "FILE")]
    secret: Option<PathBuf>,
    /// Public seed: anyone can derive the weights, and check them with `nascent audit`
    #[arg(long)]
    public_seed: bool,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let paths = Paths::new(args.force).read("the model", [&args.model]);
    let paths = args.previous.declare(args.rules.declare(paths));
    let paths = paths.read("--secret", &args.seed.secret);
    let paths = args.passphrase.declare(paths);
    paths.write("--out", [&args.out]).check()?;
    let publisher_key = match &args.seed.secret {
        Some(path) => Some(secret::read(path, &args.passphrase)?.public_key()),
        None => None,
    };
    let previous = args.previous.read()?;
    let earlier = nascent::plan::earlier(&previous)?;
    let name = args.name.as_deref();
    let rules = args.rules.load(&Limits::default())?;
    let model = nascent::plan::model(
        &ModelFile::open(&args.model)?,
        name,
        &rules,
        &earlier,
        &args.redraw,
    )?;
    let announcement = args.beacon.announcement();
    let plan = nascent::plan::make(
        &model.spec,
        publisher_key,
        announcement,
        machine::now(),
        args.weight_digest,
    )?;
    files::write(&args.out, &plan.encode().or_fail(Kind::Input)?)?;
    arguments::print_plan(context, &plan)?;
    warn_of_constants(context, &model);
    if model.kept_floats() > 0 {
        context.result(format!(
            "{:<18}{} float values of the file's own: constants that no rule fills and no seed explains",
            "kept",
            count(model.kept_floats())
        ));
    }
    if args.verbose {
        print_tensors(context, &model);
    } else if model.kept_floats() > 0 {
        context.note("--verbose lists what is kept, and why");
    }
    for stream in &model.spec.streams {
        warn_of_bias(context, stream);
    }
    for source in plan.beacon.sources() {
        if let Some(condition) = condition(source) {
            context.note(format!("{source} counts as established: {condition}"));
        }
        warn_of_past(context, source, plan.created);
    }
    context.note("");
    context.note(format!(
        "Publish {} where its date can be checked, before the beacon value is known: \
         a plan shown later proves nothing about who chose what. Then: nascent init",
        args.out.display()
    ));
    let mut json =
        json!({ "file": output::path(&args.out), "plan": output::json(&PlanReport::new(&plan)?)? });
    json["tensors"] = model.tensors.iter().map(tensor_json).collect();
    json["untouched"] = model
        .untouched
        .iter()
        .map(|kept| json!({ "name": kept.name, "dims": kept.dims, "dtype": kept.dtype, "why": kept.why }))
        .collect();
    json["kept_floats"] = model.kept_floats().into();
    json["row_distances"] = plan
        .model
        .streams
        .iter()
        .map(|stream| Value::from(row_distance(stream.precision)))
        .collect();
    json["inputs"] = model.inputs.into();
    Ok(Outcome::ok(json))
}

/// Fills that are called samples and are constants.
fn warn_of_constants(context: &Context, model: &Model) {
    let reports = model.tensors.iter().zip(&model.spec.tensors);
    for (report, tensor) in reports {
        let constant = matches!(tensor.fill, Fill::Constant { .. });
        if constant && !matches!(report.init, Init::Constant { .. }) {
            context.warn(format!(
                "{:?} is filled by {}, whose spread vanishes in f32: it is a constant, and counts as one",
                tensor.name, report.init
            ));
        }
    }
}

/// A value that is out already can be chosen.
fn warn_of_past(context: &Context, source: &BeaconSource, now: u64) {
    if let BeaconSource::Drand { chain, round } = source
        && let Some(network) = Network::of(chain)
        && network.time_of(*round) <= now
    {
        context.warn(format!(
            "by this machine's clock {source} is out already: a plan with it shows nothing. \
             The next one is {}",
            network.round_at(now.saturating_add(1))
        ));
    }
}

/// A row's limbs together are this far from uniform at most without a word: six times what limbs
/// of 16 bits are.
const QUIET_BIAS: f64 = 1e-4;

/// Limbs of few bits, or whose number leaves few bits of an output over, are for tests.
fn warn_of_bias(context: &Context, stream: &StreamSpec) {
    let bits = stream.precision.limb_bits;
    let bias = row_distance(stream.precision);
    if bias > QUIET_BIAS {
        context.warn(format!(
            "limbs of {bits} bits are for tests: those of a row are {bias:.1e} from uniform \
             (1.7e-5 with 16 bits). Rules for a model: precision = {{ limb_bits = 16, .. }}"
        ));
    }
}

fn tensor_json(tensor: &TensorReport) -> Value {
    let parameter = &tensor.parameter;
    json!({
        "name": parameter.name,
        "dims": parameter.dims,
        "role": parameter.role.name(),
        "fan_in": parameter.fans.map(|fans| fans.fan_in),
        "fan_out": parameter.fans.map(|fans| fans.fan_out),
        "fill": tensor.init.to_string(),
        "why": tensor.why,
    })
}

fn print_tensors(context: &Context, model: &Model) {
    context.result("");
    for tensor in &model.tensors {
        let parameter = &tensor.parameter;
        context.result(format!(
            "{:<28} {:>12}  {:<12} {:<38} {}",
            Quoted(&parameter.name).to_string(),
            count(parameter.elements()),
            parameter.role.name(),
            tensor.init.to_string(),
            tensor.why
        ));
    }
    for kept in &model.untouched {
        context.result(format!(
            "{:<28} {:>12}  kept: {}",
            Quoted(&kept.name).to_string(),
            kept.dtype,
            kept.why
        ));
    }
}
