//! Arguments and words that several subcommands share.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::{Context, count};
use crate::paths::Paths;
use crate::tell;
use nascent::derive::{Deriver, SafetensorsFile};
use nascent::evidence::{self, Known};
use nascent::fills::distribution_words;
use nascent::srs;
use nascent_compiler::{Limits, Preset, Rules};
use nascent_verifier::beacon::MAX_BEACON;
use nascent_verifier::codec::Format;
use nascent_verifier::text::Quoted;
use nascent_verifier::{
    Beacon, BeaconValue, Fill, InitBundle, ModelSpec, Plan, TensorSpec, weight_digest,
};
use std::path::{Path, PathBuf};

/// The notice that goes with everything made or checked under the development SRS.
pub const DEVELOPMENT_NOTICE: &str = "\
DEVELOPMENT SRS: its trapdoor is public. Anyone can forge proofs under it; they are
no evidence of anything. Use it to try things out. For real proofs, import a ceremony's
file: nascent srs import FILE.ptau --k K";

/// Rules: a file, or one of the presets.
#[derive(Debug, clap::Args)]
pub struct RulesArgs {
    /// Rules file (TOML) that says how each weight is filled
    #[arg(long, value_name = "FILE", conflicts_with = "preset")]
    pub rules: Option<PathBuf>,
    /// Rules without a file: default, torch, gpt2, he-normal, he-uniform, xavier-normal,
    /// xavier-uniform, lecun-normal, lecun-uniform
    #[arg(long, value_name = "NAME", value_parser = preset)]
    pub preset: Option<Preset>,
}

fn preset(name: &str) -> std::result::Result<Preset, String> {
    Preset::parse(name).ok_or_else(|| {
        let names: Vec<&str> = Preset::NAMES.iter().map(|(_, name)| *name).collect();
        format!("known are {}", names.join(", "))
    })
}

impl RulesArgs {
    /// The files that are read.
    pub fn declare(&self, paths: Paths) -> Paths {
        paths.read("--rules", &self.rules)
    }

    /// Reads the rules.
    pub fn load(&self, limits: &Limits) -> Result<Rules> {
        let Some(path) = &self.rules else {
            return Ok(Rules::preset(self.preset.unwrap_or(Preset::Default)));
        };
        let limit = usize::try_from(limits.toml_bytes).unwrap_or(usize::MAX);
        let bytes = files::read_bounded(path, limit)?;
        let text = String::from_utf8(bytes).or_fail(Kind::Input);
        text.and_then(|text| Ok(Rules::parse(&text, limits)?))
            .doing(format!("rules file {}", path.display()))
    }
}

/// Plans made earlier, from which weights are inherited.
#[derive(Debug, Default, clap::Args)]
pub struct PreviousPlans {
    /// A plan made earlier, or its proof bundle: weights that it samples in the same shape and by the
    /// same rule are inherited from it. Several, oldest first: the last that samples a weight counts
    #[arg(long, value_name = "FILE")]
    previous_plan: Vec<PathBuf>,
}

impl PreviousPlans {
    /// Whether none was given.
    pub fn is_empty(&self) -> bool {
        self.previous_plan.is_empty()
    }

    /// The files that are read.
    pub fn declare(&self, paths: Paths) -> Paths {
        paths.read("--previous-plan", &self.previous_plan)
    }

    /// Reads the plans.
    pub fn read(&self) -> Result<Vec<Plan>> {
        let plans = self.previous_plan.iter().map(|path| read_plan(path));
        plans.map(|plan| Ok(plan?.plan)).collect()
    }
}

/// Weights that earlier plans gave.
#[derive(Debug, clap::Args)]
pub struct PreviousWeights {
    /// Weights that an earlier plan gave (.safetensors), for those that are inherited from it
    #[arg(long, value_name = "FILE")]
    previous_weights: Vec<PathBuf>,
}

impl PreviousWeights {
    /// The files that are read.
    pub fn declare(&self, paths: Paths) -> Paths {
        paths.read("--previous-weights", &self.previous_weights)
    }

    /// A deriver that takes inherited weights from the files.
    pub fn give<'a>(&self, deriver: Deriver<'a>) -> Result<Deriver<'a>> {
        let open = |path: &PathBuf| {
            SafetensorsFile::open(path)
                .or_fail(Kind::Input)
                .doing(format!("weights {}", path.display()))
        };
        let files = self.previous_weights.iter().map(open);
        deriver
            .with_previous(files.collect::<Result<_>>()?)
            .map_err(Failure::from)
    }
}

/// The value that the beacon took.
#[derive(Debug, clap::Args)]
#[group(required = false, multiple = false)]
pub struct BeaconArgs {
    /// The beacon's value, in hexadecimal, where the plan announces it in words
    #[arg(long, value_name = "HEX", value_parser = beacon_bytes)]
    pub beacon_value: Option<BeaconBytes>,
    /// A file that holds exactly the bytes of such a value
    #[arg(long, value_name = "FILE")]
    pub beacon_file: Option<PathBuf>,
    /// A beacon value with its evidence (`nascent beacon`); one for each source of the plan, in
    /// the plan's order
    #[arg(long, value_name = "FILE")]
    pub evidence: Vec<PathBuf>,
}

/// Bytes given on the command line; a type of its own, or the parser takes it for a list.
#[derive(Debug, Clone)]
pub struct BeaconBytes(Vec<u8>);

fn beacon_bytes(text: &str) -> std::result::Result<BeaconBytes, String> {
    files::hex_bytes(text).map(BeaconBytes)
}

impl BeaconArgs {
    /// The files that are read.
    pub fn declare(&self, paths: Paths) -> Paths {
        let paths = paths.read("--beacon-file", &self.beacon_file);
        paths.read("--evidence", &self.evidence)
    }

    /// The value, if one was given, with evidence that holds.
    pub fn value(&self) -> Result<Option<Beacon>> {
        let beacon = match (&self.beacon_value, &self.beacon_file) {
            (Some(bytes), _) => Beacon::Raw(bytes.0.clone()),
            (None, Some(path)) => Beacon::Raw(files::read_bounded(path, MAX_BEACON)?),
            (None, None) if self.evidence.is_empty() => return Ok(None),
            (None, None) => {
                let values = (1..).zip(&self.evidence).map(|(position, path)| {
                    let value: BeaconValue = files::read(path)?;
                    evidence::check_value(position, &value, &Known::default())
                        .map_err(Failure::from)
                        .doing(path.display().to_string())?;
                    Ok(value)
                });
                Beacon::from(values.collect::<Result<Vec<_>>>()?)
            }
        };
        beacon.validate().or_fail(Kind::Input)?;
        Ok(Some(beacon))
    }

    /// The same; it is what the plan announces.
    pub fn read(&self, plan: &Plan) -> Result<Option<Beacon>> {
        let beacon = self.value()?;
        if let Some(beacon) = &beacon {
            plan.beacon
                .check(beacon)
                .or_fail(Kind::Refused)
                .help("the plan was published with other sources: nothing else counts")?;
        }
        Ok(beacon)
    }

    /// The value.
    pub fn require(&self, plan: &Plan) -> Result<Beacon> {
        self.read(plan)?.ok_or_else(|| {
            Failure::new(Kind::Usage, "no beacon value given").help(
                "give the value that the plan announced with --beacon-value HEX or --beacon-file \
                 FILE, or with --evidence FILE for each of its sources (`nascent beacon`)",
            )
        })
    }
}

/// A plan, and what else the file has that it came in.
pub struct PlanSource {
    pub plan: Plan,
    /// The beacon value, from a bundle.
    pub beacon: Option<Beacon>,
    /// The weight digest that a bundle claims.
    pub weight_digest: Option<[u8; 32]>,
}

/// A plan from its own file or from a bundle.
pub fn read_plan(path: &Path) -> Result<PlanSource> {
    let bytes = files::read_bounded(path, InitBundle::MAX_BYTES)?;
    if bytes.starts_with(&InitBundle::MAGIC) {
        let bundle: InitBundle = files::decode(path, &bytes)?;
        let digests = bundle.claimed_digests();
        return Ok(PlanSource {
            plan: bundle.plan,
            beacon: Some(bundle.beacon),
            weight_digest: digests.as_deref().map(weight_digest),
        });
    }
    Ok(PlanSource {
        plan: files::decode(path, &bytes)?,
        beacon: None,
        weight_digest: None,
    })
}

/// Prints a plan.
pub fn print_plan(context: &Context, plan: &Plan) -> Result<()> {
    let model = &plan.model;
    let line = |name: &str, value: &str| context.result(format!("{name:<18}{value}"));
    line("plan", &hex::encode(plan.digest().or_fail(Kind::Input)?));
    line("model", &Quoted(&model.name).to_string());
    line(
        "model digest",
        &hex::encode(model.digest().or_fail(Kind::Input)?),
    );
    line("values", &nascent::fills::counts(&model.fill_counts()));
    tell::fills(context, model);
    for earlier in model.inherits_from() {
        line(
            "inherited",
            &format!(
                "{} weights, from plan {}",
                count(inherited_from(model, &earlier)),
                hex::encode(earlier)
            ),
        );
    }
    for stream in &model.streams {
        line(
            "stream",
            &distribution_words(stream.distribution, stream.precision),
        );
    }
    match plan.publisher_key {
        Some(key) => line(
            "hidden seed",
            &format!("publisher key {}", hex::encode(key)),
        ),
        None => line("public seed", "anyone can derive the weights"),
    }
    for source in plan.beacon.sources() {
        line("beacon", &source.to_string());
    }
    if plan.weight_digest {
        line("weight digest", "part of the proofs");
    }
    Ok(())
}

/// Weights that a model inherits from one plan.
fn inherited_from(model: &ModelSpec, plan: &[u8; 32]) -> u64 {
    let tensors = model.tensors.iter();
    let inherited = tensors.filter(|of| of.fill == Fill::Inherited { plan: *plan });
    inherited.filter_map(TensorSpec::elements).sum()
}

/// Which SRS.
#[derive(Debug, clap::Args)]
#[group(required = false, multiple = false)]
pub struct SrsArgs {
    /// Digest of an imported SRS [default: the imported one, if there is only one]
    #[arg(long, value_name = "DIGEST", value_parser = files::digest)]
    srs: Option<[u8; 32]>,
    /// Use the development SRS: for trying things out, worth nothing as evidence
    #[arg(long)]
    development_srs: bool,
}

impl SrsArgs {
    /// The digest. The development SRS is never a default.
    pub fn identity(&self, context: &Context) -> Result<[u8; 32]> {
        if self.development_srs {
            return Ok(*nascent_params::development_identity());
        }
        if let Some(identity) = self.srs {
            return Ok(identity);
        }
        Ok(srs::imported(&context.setting())?)
    }
}
