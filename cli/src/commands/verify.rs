//! `nascent verify`: check a bundle, and say in plain words what that shows and what not.
//!
//! The check itself is `nascent_verifier::verify_init_with`. The prover's crate is only called to make
//! a key anew (`--rederive-key`) and to find keys that this machine made earlier.

use super::commit::Published;
use super::common::{
    self, BeaconArgs, DEVELOPMENT_NOTICE, FORGEABLE, PreviousPlans, RulesArgs, TRIAL,
};
use super::inspect::read_key;
use super::prove::key_file;
use super::{chain, inference, keys, relayout, srs};
use crate::evidence::{self, Checked, Known};
use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::fills;
use crate::output::{self, Context, Outcome, count};
use crate::pool::Pool;
use nascent_circuits::tile::TileParams;
use nascent_compiler::Earlier;
use nascent_verifier::codec::Format;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::spec::FillCounts;
use nascent_verifier::text::Quoted;
use nascent_verifier::{
    Chain, Fill, InferenceBundle, InitBundle, NotProved, Plan, RelayoutBundle, Report, Seed, Srs,
    StreamReport, VerifyError, VerifyingKey, verify_init_weights, verify_init_with,
};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The proof bundle of an initialization, an inference, a relayout, or a whole chain
    bundle: PathBuf,
    /// The plan as it was published; the bundle's must be the same
    #[arg(long, value_name = "FILE")]
    plan: Option<PathBuf>,
    #[command(flatten)]
    beacon: BeaconArgs,
    /// Hash of a block that you know to be final, as it is displayed; blocks of the beacon must be
    /// among those given
    #[arg(long, value_name = "HEX", value_parser = files::digest)]
    block_hash: Vec<[u8; 32]>,
    /// Key of a VRF whose holder you trust; VRF keys of the beacon must be among those given
    #[arg(long, value_name = "HEX", value_parser = files::digest)]
    vrf_key: Vec<[u8; 32]>,
    /// The model; with the same rules it must give the bundle's model digest
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    #[command(flatten)]
    rules: RulesArgs,
    #[command(flatten)]
    previous: PreviousPlans,
    /// SRS of the verifier (`nascent srs export`) [default: an imported one with the right digest]
    #[arg(long, value_name = "FILE", conflicts_with = "development_srs")]
    srs: Option<PathBuf>,
    /// Accept the development SRS, under which anyone can forge proofs
    #[arg(long)]
    development_srs: bool,
    /// A verifying key [default: one made here, else the file beside the bundle]
    #[arg(long, value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Of an inference: the architecture (`model.graph`), from which the key is derived
    #[arg(long, value_name = "FILE")]
    architecture: Option<PathBuf>,
    /// A published commitment: the weights must be the committed ones; of a chain, it must be one of
    /// the chain's
    #[arg(long, value_name = "FILE")]
    commitment: Option<PathBuf>,
    /// Links between the proofs and the commitment [default: the file beside the bundle]
    #[arg(long, value_name = "FILE", requires = "commitment")]
    links: Option<PathBuf>,
    /// Of a relayout: the list of origins (`model.origins`); with plan and architecture the key is
    /// derived from it
    #[arg(long, value_name = "FILE")]
    origins: Option<PathBuf>,
    /// Make the verifying keys anew from the circuit's source, and compare
    #[arg(long)]
    rederive_key: bool,
    /// Take the verifying keys as they are, also where nothing shows that they are the circuits':
    /// for keys that you know from elsewhere
    #[arg(long, conflicts_with = "rederive_key")]
    accept_keys: bool,
    /// Of a chain, with its plan: take answers of weights whose origin is only declared, such as
    /// trained ones
    #[arg(long)]
    accept_declared: bool,
    /// Refuse a file of another kind
    #[arg(long, value_name = "KIND")]
    expect: Option<Subject>,
    /// Of an inference, with its model: what samples and weights decided (`model.profile`)
    #[arg(long, value_name = "FILE", requires = "model")]
    profile: Option<PathBuf>,
    /// Of a chain: draw it (SVG)
    #[arg(long, value_name = "FILE")]
    picture: Option<PathBuf>,
}

/// What a file is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Subject {
    /// Initial weights: a proof bundle.
    Initialization,
    /// An inference.
    Answer,
    /// Weights in two layouts.
    Relayout,
    /// All of it.
    Chain,
}

impl Subject {
    /// What the first bytes of a file say.
    fn of(path: &Path) -> Result<Self> {
        Ok(if files::starts_with(path, &InferenceBundle::MAGIC)? {
            Self::Answer
        } else if files::starts_with(path, &RelayoutBundle::MAGIC)? {
            Self::Relayout
        } else if files::starts_with(path, &Chain::MAGIC)? {
            Self::Chain
        } else {
            // Another file is refused where it is read.
            Self::Initialization
        })
    }

    fn name(self) -> &'static str {
        match self {
            Self::Initialization => "initialization",
            Self::Answer => "answer",
            Self::Relayout => "relayout",
            Self::Chain => "chain",
        }
    }
}

/// Where a verifying key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// Derived in this run.
    Rederived,
    /// Derived on this machine earlier.
    MadeHere,
    /// A file that the caller named.
    Given,
    /// A file beside the bundle.
    Beside,
}

impl KeyOrigin {
    /// For `--json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rederived => "rederived",
            Self::MadeHere => "made-here",
            Self::Given => "given",
            Self::Beside => "beside-bundle",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Rederived => "derived anew from the circuit's source, and the same",
            Self::MadeHere => "derived on this machine earlier",
            Self::Given => "the file you gave; its origin is for you to know",
            Self::Beside => {
                "came WITH THE PROOFS: whoever made them could have made a key for which lies pass"
            }
        }
    }

    /// Whether the key is known to be the circuit's.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Rederived | Self::MadeHere)
    }
}

/// What the caller gave to compare the bundle with.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compared {
    pub plan: bool,
    pub beacon: bool,
    pub model: bool,
}

impl Args {
    /// The file to be verified.
    pub fn file(&self) -> &Path {
        &self.bundle
    }

    /// The verifier's SRS, if it was given.
    pub fn srs_file(&self) -> Option<&Path> {
        self.srs.as_deref()
    }

    /// Whether the development SRS is accepted.
    pub fn accepts_development(&self) -> bool {
        self.development_srs
    }

    /// What of the beacon is known from elsewhere.
    pub fn known(&self) -> Known<'_> {
        Known {
            blocks: &self.block_hash,
            vrf_keys: &self.vrf_key,
        }
    }

    /// A published commitment.
    pub fn commitment(&self) -> Option<&Path> {
        self.commitment.as_deref()
    }

    /// The model's file, if it was given.
    pub fn model(&self) -> Option<&Path> {
        self.model.as_deref()
    }

    /// Keys that were given.
    pub fn keys(&self) -> &[PathBuf] {
        &self.key
    }

    /// Whether keys are to be made anew.
    pub fn rederives(&self) -> bool {
        self.rederive_key
    }

    /// Whether the file is of the kind that is expected, and every option is for that kind. One that
    /// is not would be passed over without a word, and whoever gave it would think it was heeded.
    fn check_options(&self, subject: Subject) -> Result<()> {
        use Subject::{Answer, Chain, Initialization, Relayout};
        if let Some(expected) = self.expect.filter(|expected| *expected != subject) {
            let message = format!(
                "REFUSED: {} is not of the kind '{}', but of the kind '{}'",
                self.bundle.display(),
                expected.name(),
                subject.name()
            );
            return Err(Failure::new(Kind::Refused, message));
        }
        let all = [Initialization, Answer, Relayout, Chain];
        let of_plan = [Initialization, Chain];
        let options: [(&str, bool, &[Subject]); 18] = [
            ("--accept-declared", self.accept_declared, &[Chain]),
            ("--plan", self.plan.is_some(), &all),
            (
                "--beacon-value",
                self.beacon.beacon_value.is_some(),
                &of_plan,
            ),
            ("--beacon-file", self.beacon.beacon_file.is_some(), &of_plan),
            ("--evidence", !self.beacon.evidence.is_empty(), &of_plan),
            ("--block-hash", !self.block_hash.is_empty(), &of_plan),
            ("--vrf-key", !self.vrf_key.is_empty(), &of_plan),
            (
                "--model",
                self.model.is_some(),
                &[Initialization, Answer, Chain],
            ),
            ("--rules", self.rules.rules.is_some(), &of_plan),
            ("--preset", self.rules.preset.is_some(), &of_plan),
            (
                "--previous-plan",
                !self.previous.is_empty(),
                &[Initialization, Answer],
            ),
            ("--profile", self.profile.is_some(), &[Answer]),
            (
                "--architecture",
                self.architecture.is_some(),
                &[Answer, Relayout],
            ),
            ("--origins", self.origins.is_some(), &[Relayout]),
            (
                "--links",
                self.links.is_some(),
                &[Initialization, Answer, Relayout],
            ),
            ("--picture", self.picture.is_some(), &[Chain]),
            ("--key", !self.key.is_empty(), &all),
            ("--commitment", self.commitment.is_some(), &all),
        ];
        let usage = |message: String| Err(Failure::new(Kind::Usage, message));
        for (option, given, subjects) in options {
            if given && !subjects.contains(&subject) {
                return usage(format!(
                    "{option} is not for a file of the kind '{}', which {} is",
                    subject.name(),
                    self.bundle.display()
                ));
            }
        }
        if (self.rules.rules.is_some() || self.rules.preset.is_some()) && self.model.is_none() {
            return usage("rules are for comparing a model: give it with --model".to_owned());
        }
        if !self.previous.is_empty() && self.model.is_none() {
            return usage(
                "earlier plans are for comparing a model: give it with --model".to_owned(),
            );
        }
        if subject == Answer && self.plan.is_some() && self.model.is_none() {
            return usage(
                "a plan says nothing of an answer by itself: give the model too (--model, --profile), \
                 or verify the chain"
                    .to_owned(),
            );
        }
        if subject == Answer && self.model.is_some() && self.profile.is_none() {
            return usage(
                "to hold an answer against a model, its profile is needed: --profile model.profile"
                    .to_owned(),
            );
        }
        let derives = match subject {
            Initialization | Chain => true,
            Answer => self.architecture.is_some() || self.model.is_some(),
            Relayout => {
                self.plan.is_some() && self.architecture.is_some() && self.origins.is_some()
            }
        };
        if self.rederive_key && !derives {
            let needs = match subject {
                Answer => "--architecture, or --model and --profile",
                _ => "--plan, --architecture and --origins",
            };
            return usage(format!("to derive the key of this file, give {needs}"));
        }
        Ok(())
    }

    /// Whether something was given that says which plan it has to be.
    pub fn names_a_plan(&self) -> bool {
        let beacon = &self.beacon;
        let value = beacon.beacon_value.is_some() || beacon.beacon_file.is_some();
        let known = !self.block_hash.is_empty() || !self.vrf_key.is_empty();
        let plan = self.plan.is_some() || self.model.is_some();
        plan || value || known || !beacon.evidence.is_empty()
    }

    /// Whether answers of weights that are only declared are what the caller asks for.
    pub fn accepts_declared(&self) -> bool {
        self.accept_declared
    }

    /// What is to be said of keys that nothing shows to be the circuits'.
    pub fn open_keys(&self, known: bool) -> Option<String> {
        let open = !known && !self.accept_keys;
        open.then(|| {
            "that the verifying keys are the circuits': --rederive-key derives them (an answer takes \
             --architecture, a relayout --plan, --architecture and --origins); --accept-keys takes \
             them as they are"
                .to_owned()
        })
    }

    /// Keys that were given and that no proof of the file is under.
    pub fn check_keys_used(&self, used: &[[u8; 32]]) -> Result<()> {
        for path in &self.key {
            let key = read_key(path)?;
            if !used.contains(key.digest()) {
                let message = format!(
                    "REFUSED: {} is the key {}, which no proof of {} is under",
                    path.display(),
                    hex::encode(key.digest()),
                    self.bundle.display()
                );
                return Err(Failure::new(Kind::Refused, message));
            }
        }
        Ok(())
    }
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let subject = Subject::of(&args.bundle)?;
    args.check_options(subject)?;
    match subject {
        Subject::Answer => inference::verify(
            context,
            &inference::VerifyArgs {
                file: &args.bundle,
                architecture: args.architecture.as_deref(),
                model: args.model.as_deref(),
                profile: args.profile.as_deref(),
                plan: args.plan.as_deref(),
                previous: &args.previous,
                srs: args.srs.as_deref(),
                development_srs: args.development_srs,
                commitment: args.commitment.as_deref(),
                links: args.links.as_deref(),
                keys: &args,
            },
        ),
        Subject::Relayout => relayout::verify(
            context,
            &relayout::VerifyArgs {
                file: &args.bundle,
                plan: args.plan.as_deref(),
                architecture: args.architecture.as_deref(),
                origins: args.origins.as_deref(),
                srs: args.srs.as_deref(),
                development_srs: args.development_srs,
                commitment: args.commitment.as_deref(),
                links: args.links.as_deref(),
                keys: &args,
            },
        ),
        Subject::Chain => chain::verify(context, &args, args.picture.as_deref()),
        Subject::Initialization => verify_bundle(context, &args),
    }
}

/// A key for the digest that a proof names: derived if that was asked for, one derived here earlier,
/// one that was given, or the file beside the proof.
pub fn proof_key(
    context: &Context,
    args: &Args,
    digest: &[u8; 32],
    derive: impl FnOnce() -> Result<Option<VerifyingKey>>,
) -> Result<(VerifyingKey, KeyOrigin)> {
    args.check_keys_used(&[*digest])?;
    let store = keys::store(context);
    if !args.rederive_key
        && let Some(key) = store.find(digest).map_err(keys::key_failure)?
    {
        return Ok((key, KeyOrigin::MadeHere));
    }
    if let Some(key) = derive()? {
        if key.digest() != digest {
            let message = format!(
                "REFUSED: {} uses the verifying key {}, the circuit's is {}",
                args.bundle.display(),
                hex::encode(digest),
                hex::encode(key.digest())
            );
            return Err(Failure::new(Kind::Refused, message).help(
                "it was made by another version of nascent, or with a key made up to deceive",
            ));
        }
        // A cache that cannot be written costs time, and nothing else.
        if let Err(error) = store.keep(&key) {
            context.warn(format!("the key is not kept for the next time: {error}"));
        }
        return Ok((key, KeyOrigin::Rederived));
    }
    let given = args.key.iter().map(|path| read_key(path));
    let given = given.collect::<Result<Vec<_>>>()?;
    find_key(context, &args.bundle, &given, digest)
}

fn verify_bundle(context: &Context, args: &Args) -> Result<Outcome> {
    let bundle: InitBundle = files::read(&args.bundle)?;
    let srs = verifier_srs(context, args, &bundle)?;
    let used: Vec<[u8; 32]> = bundle.streams.iter().map(|of| of.vk_digest).collect();
    args.check_keys_used(&used)?;
    let previous = args.previous.read()?;
    common::check_previous(&previous, Some(&bundle.plan))?;
    let compared = compare(args, &bundle, &common::earlier(&previous)?)?;
    let refused = || format!("REFUSED: {}", args.bundle.display());
    let known = args.known();
    let values = evidence::check(&bundle.beacon, &known).doing(refused())?;
    known.check_used(&values).doing(refused())?;
    let keys = find_keys(context, args, &bundle)?;
    let published = args
        .commitment
        .as_deref()
        .map(|path| Published::load(path, args.links.as_deref(), &args.bundle, &srs))
        .transpose()?;
    let known = keys.iter().map(|(key, _)| key);
    let checked = match &published {
        Some(published) => check_linked(&bundle, known, &srs, published),
        None => check(&bundle, known, &srs),
    };
    let (report, time) = checked
        .map_err(|failure| failure.context(format!("REFUSED: {}", args.bundle.display())))?;
    let origins: Vec<KeyOrigin> = keys.iter().map(|(_, origin)| *origin).collect();
    let not_proved = not_proved(&report, &compared, &origins, &values);
    let model = &bundle.plan.model;
    let counts = model.fill_counts();
    print(context, &report, &counts, &compared, &origins);
    context.section("Fills");
    fills::print(context, model);
    print_values(context, &bundle.plan, &values);
    if let Some(published) = &published {
        context.section("Linked");
        context.result(format!(
            "  - the weights of every tile are the ones committed in {}",
            hex::encode(published.digest())
        ));
    }
    print_open(context, &not_proved);
    context.section(format!(
        "{} proofs verified in {}.",
        count(report.proofs),
        output::duration(time)
    ));
    if report.development_srs {
        context.notice(DEVELOPMENT_NOTICE);
    }
    let mut json = report_json(&report, &not_proved);
    json["bundle"] = output::path(&args.bundle);
    json["values"] = fills::counts_json(&counts);
    json["fills"] = fills::json(model);
    json["commitment"] = json!(published.map(|published| hex::encode(published.digest())));
    json["beacon_values"] = values
        .iter()
        .map(|value| value.json(Some(&bundle.plan)))
        .collect();
    json["checked"] =
        json!({ "plan": compared.plan, "beacon_value": compared.beacon, "model": compared.model });
    json["keys"] = report
        .streams
        .iter()
        .zip(&origins)
        .map(|(stream, origin)| json!({ "key": hex::encode(stream.vk_digest), "origin": origin.name() }))
        .collect();
    json["verify_seconds"] = time.as_secs_f64().into();
    let known = origins.iter().all(|origin| origin.is_known());
    let mut open: Vec<String> = args.open_keys(known).into_iter().collect();
    open.extend(open_beacon(compared, &values));
    Ok(Outcome::unless_open(json, open))
}

/// What is to be said of a beacon value that the publisher could have made.
pub fn open_beacon(compared: Compared, values: &[Checked<'_>]) -> Option<String> {
    (!evidence::establish(values) && !compared.beacon).then(|| {
        "that the publisher could not choose the beacon value: nothing establishes it; give it as you \
         know it (--beacon-value, --beacon-file, --evidence), or what it rests on (--block-hash, \
         --vrf-key)"
            .to_owned()
    })
}

/// Verifies; gives the time that it took.
pub fn check<'k>(
    bundle: &InitBundle,
    keys: impl Iterator<Item = &'k VerifyingKey> + Clone,
    srs: &Srs,
) -> Result<(Report, Duration)> {
    let started = Instant::now();
    let report = verify_init_with(bundle, find(keys), srs, &Pool);
    let time = started.elapsed();
    report.map(|report| (report, time)).map_err(refusal)
}

/// As [`check`]; each tile must also be linked to the commitment.
fn check_linked<'k>(
    bundle: &InitBundle,
    keys: impl Iterator<Item = &'k VerifyingKey> + Clone,
    srs: &Srs,
    published: &Published,
) -> Result<(Report, Duration)> {
    let started = Instant::now();
    let (report, weights) = verify_init_weights(bundle, find(keys), srs, &Pool).map_err(refusal)?;
    let mut weights = weights.iter();
    for tile in &bundle.tiles {
        let subject = CommittedTo::Tile {
            plan: report.plan_digest,
            beacon: report.beacon_digest,
            stream: tile.stream,
            index: tile.index,
        };
        published
            .check(&subject, weights.next())
            .doing(format!("tile {} of stream {}", tile.index, tile.stream))?;
    }
    Ok((report, started.elapsed()))
}

fn find<'k>(
    keys: impl Iterator<Item = &'k VerifyingKey> + Clone,
) -> impl Fn(&[u8; 32]) -> Option<&'k VerifyingKey> {
    move |digest| keys.clone().find(|key| key.digest() == digest)
}

fn refusal(error: VerifyError) -> Failure {
    let help = match &error {
        VerifyError::MissingTile { .. } => "the bundle is not complete: get it again",
        VerifyError::Srs { .. } => "give the SRS that the proofs were made under: --srs FILE",
        _ => {
            "these proofs show nothing; get plan and bundle again from the publisher, or do not trust them"
        }
    };
    Failure::from_error(Kind::Refused, error).help(help)
}

fn verifier_srs(context: &Context, args: &Args, bundle: &InitBundle) -> Result<Srs> {
    let development = common::is_development(&bundle.srs_digest);
    common::check_development(
        &args.bundle,
        &bundle.srs_digest,
        args.development_srs,
        FORGEABLE,
    )
    .help(format!(
        "{TRIAL}; else ask for proofs under a ceremony's SRS"
    ))?;
    if !development && args.development_srs {
        let message = format!(
            "REFUSED: {} says that it was not made under the development SRS",
            args.bundle.display()
        );
        return Err(Failure::new(Kind::Refused, message)
            .help("leave --development-srs away, or give --srs"));
    }
    srs::for_verifier(context, args.srs.as_deref(), &bundle.srs_digest)
}

/// Compares the bundle with what the caller has from elsewhere; `earlier` has the plans that it
/// inherits from, among others.
pub fn compare(args: &Args, bundle: &InitBundle, earlier: &[Earlier<'_>]) -> Result<Compared> {
    let mut compared = Compared::default();
    let differs = |what: &str| {
        Failure::new(
            Kind::Refused,
            format!(
                "REFUSED: {} was made for another {what}",
                args.bundle.display()
            ),
        )
        .help("the proofs may hold, but not for what you gave")
    };
    if let Some(path) = &args.plan {
        let plan: Plan = files::read(path)?;
        if plan != bundle.plan {
            return Err(differs("plan"));
        }
        compared.plan = true;
    }
    if let Some(beacon) = args.beacon.read(&bundle.plan)? {
        // Of two pieces of evidence for one value either will do.
        if beacon.digest() != bundle.beacon.digest() {
            return Err(differs("beacon value"));
        }
        compared.beacon = true;
    }
    if let Some(path) = &args.model {
        let claimed = &bundle.plan.model;
        // What could be inherited and is not was the publisher's choice, and stands in the plan.
        let sampled = claimed.tensors.iter();
        let sampled = sampled.filter(|tensor| matches!(tensor.fill, Fill::Sampled { .. }));
        let redrawn: Vec<String> = if claimed.inherited_elements() > 0 {
            sampled.map(|tensor| tensor.name.clone()).collect()
        } else {
            Vec::new()
        };
        let (name, rules) = (Some(claimed.name.as_str()), &args.rules);
        let from = claimed.inherits_from();
        let named = earlier.iter().filter(|of| from.contains(&of.plan));
        let named: Vec<Earlier<'_>> = named.copied().collect();
        let model = common::compile_after(path, name, rules, &named, &redrawn)?;
        if model.spec != *claimed {
            let what = match args.rules.rules.is_some() || args.rules.preset.is_some() {
                true => "model, or other rules",
                false => "model, or other rules than the default's (give them: --rules FILE)",
            };
            return Err(differs(what));
        }
        compared.model = true;
    }
    Ok(compared)
}

/// One key for each stream.
fn find_keys(
    context: &Context,
    args: &Args,
    bundle: &InitBundle,
) -> Result<Vec<(VerifyingKey, KeyOrigin)>> {
    let given = args
        .key
        .iter()
        .map(|path| read_key(path))
        .collect::<Result<Vec<_>>>()?;
    let mut keys: Vec<(VerifyingKey, KeyOrigin)> = Vec::new();
    for (spec, proofs) in bundle.plan.model.streams.iter().zip(&bundle.streams) {
        let digest = &proofs.vk_digest;
        if args.rederive_key {
            let params = TileParams::new(u32::from(proofs.k), spec.distribution, spec.precision)
                .or_fail(Kind::Input)?
                .with_weight_digest(bundle.plan.weight_digest);
            let key = keys::derive(context, params, &bundle.srs_digest)?;
            if key.digest() != digest {
                let message = format!(
                    "REFUSED: the proofs use the verifying key {}, this circuit's is {}",
                    hex::encode(digest),
                    hex::encode(key.digest())
                );
                return Err(Failure::new(Kind::Refused, message)
                    .help("the bundle was made by another version of nascent, or with a key made up to deceive"));
            }
            keys.push((key, KeyOrigin::Rederived));
            continue;
        }
        keys.push(find_key(context, &args.bundle, &given, digest)?);
    }
    Ok(keys)
}

fn find_key(
    context: &Context,
    bundle: &Path,
    given: &[VerifyingKey],
    digest: &[u8; 32],
) -> Result<(VerifyingKey, KeyOrigin)> {
    if let Some(key) = keys::store(context)
        .find(digest)
        .map_err(keys::key_failure)?
    {
        return Ok((key, KeyOrigin::MadeHere));
    }
    if let Some(key) = given.iter().find(|key| key.digest() == digest) {
        return Ok((key.clone(), KeyOrigin::Given));
    }
    let path = key_file(bundle, digest);
    if path.is_file() {
        let key = read_key(&path)?;
        if key.digest() == digest {
            return Ok((key, KeyOrigin::Beside));
        }
    }
    let message = format!("no verifying key {} at hand", hex::encode(digest));
    Err(Failure::new(Kind::Environment, message).help(format!(
        "--rederive-key makes it anew, --key FILE gives one; {} was looked for",
        path.display()
    )))
}

/// What stays open after what was compared here.
fn not_proved(
    report: &Report,
    compared: &Compared,
    origins: &[KeyOrigin],
    values: &[Checked<'_>],
) -> Vec<NotProved> {
    let open = |item: &NotProved| match item {
        NotProved::KeyOrigin => !origins.iter().all(|origin| origin.is_known()),
        NotProved::ModelFile => !compared.model,
        NotProved::BeaconOrigin => !compared.beacon,
        NotProved::BeaconEvidence => !evidence::establish(values),
        _ => true,
    };
    report.not_proved.iter().copied().filter(open).collect()
}

fn print(
    context: &Context,
    report: &Report,
    counts: &FillCounts,
    compared: &Compared,
    origins: &[KeyOrigin],
) {
    let line = |text: &str| context.result(text);
    line(if report.development_srs {
        "PROOFS HOLD, BUT ONLY UNDER THE DEVELOPMENT SRS: no evidence of anything"
    } else if origins.iter().all(|origin| origin.is_known()) {
        "ACCEPTED"
    } else {
        "ACCEPTED, if the verifying keys are honest (see below)"
    });
    context.section("About");
    line(&format!("  model        {}", Quoted(&report.model)));
    line(&format!("  values       {}", fills::counts(counts)));
    line(&format!(
        "  digest       {}",
        hex::encode(report.model_digest)
    ));
    line(&format!(
        "  plan         {}",
        hex::encode(report.plan_digest)
    ));
    match report.seed {
        Seed::Hidden { publisher_key } => line(&format!(
            "  hidden seed  of the publisher key {}",
            hex::encode(publisher_key)
        )),
        Seed::Public => line("  public seed  anyone can derive the weights: nascent audit"),
    }
    line(&format!("  beacon       {}", report.beacon));
    line(&format!(
        "  its value    has the digest {}",
        hex::encode(report.beacon_digest)
    ));
    line(&format!(
        "  SRS          {}",
        common::srs_words(&report.srs_digest)
    ));
    line(&format!(
        "  commitments  {}",
        hex::encode(report.weight_commitments)
    ));
    if let Some(digest) = report.weight_digest {
        line(&format!(
            "  weights      have the digest {}",
            hex::encode(digest)
        ));
    }
    for (stream, origin) in report.streams.iter().zip(origins) {
        line(&format!(
            "  key          {}: {}",
            hex::encode(stream.vk_digest),
            origin.words()
        ));
    }
    context.section("Proved");
    for item in &report.proved {
        line(&format!("  - {item}"));
    }
    let compared: Vec<&str> = [
        (compared.plan, "the plan is the one you gave"),
        (compared.beacon, "the beacon value is the one you gave"),
        (
            compared.model,
            "the model digest is that of the model and rules you gave",
        ),
    ]
    .iter()
    .filter_map(|(done, what)| done.then_some(*what))
    .collect();
    if !compared.is_empty() {
        context.section("Compared");
    }
    for what in compared {
        line(&format!("  - {what}"));
    }
}

/// What the evidence of the beacon values shows, one by one.
fn print_values(context: &Context, plan: &Plan, values: &[Checked<'_>]) {
    for (position, value) in (1..).zip(values) {
        context.section(format!("Beacon value {position}"));
        value.print(context, Some(plan));
    }
}

fn print_open(context: &Context, not_proved: &[NotProved]) {
    context.section("Not proved");
    for item in not_proved {
        context.result(format!("  - {item}"));
    }
}

/// The report for `--json`: digests in hexadecimal.
pub fn report_json(report: &Report, not_proved: &[NotProved]) -> Value {
    let stream = |stream: &StreamReport| {
        json!({
            "distribution": common::distribution_json(stream.distribution, stream.precision),
            "rows": stream.rows,
            "k": stream.k,
            "key": hex::encode(stream.vk_digest),
            "blocks_per_tile": stream.blocks_per_tile,
            "tiles": stream.tiles,
            "weight_digest": stream.weight_digest.map(hex::encode),
        })
    };
    let publisher_key = match report.seed {
        Seed::Hidden { publisher_key } => Some(hex::encode(publisher_key)),
        Seed::Public => None,
    };
    let item = |name: String, text: String| json!({ "name": name, "text": text });
    let proved = report
        .proved
        .iter()
        .map(|it| item(format!("{it:?}"), it.to_string()));
    let open = not_proved
        .iter()
        .map(|it| item(format!("{it:?}"), it.to_string()));
    json!({
        "model": report.model,
        "model_digest": hex::encode(report.model_digest),
        "graph_digest": hex::encode(report.graph_digest),
        "rules_digest": hex::encode(report.rules_digest),
        "plan_digest": hex::encode(report.plan_digest),
        "beacon": report.beacon,
        "beacon_digest": hex::encode(report.beacon_digest),
        "seed": if publisher_key.is_some() { "hidden" } else { "public" },
        "publisher_key": publisher_key,
        "srs": hex::encode(report.srs_digest),
        "development_srs": report.development_srs,
        "streams": report.streams.iter().map(stream).collect::<Vec<_>>(),
        "proofs": report.proofs,
        "proof_bytes": report.proof_bytes,
        "sampled_weights": report.sampled_weights,
        "constant_weights": report.constant_weights,
        "inherited_weights": report.inherited_weights,
        "kept_values": report.kept_values,
        "kept_floats": report.kept_floats,
        "weight_commitments": hex::encode(report.weight_commitments),
        "weight_digest": report.weight_digest.map(hex::encode),
        "proved": proved.collect::<Vec<_>>(),
        "not_proved": open.collect::<Vec<_>>(),
    })
}
