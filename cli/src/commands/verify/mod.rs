//! `nascent verify`: check a file, and say in plain words what that shows and what not.
//!
//! The checks are the library's; this reads the files and says what came of them.

mod answer;
mod chain;
mod initialization;
mod relayout;

use crate::arguments::{BeaconArgs, PreviousPlans, RulesArgs};
use crate::beside;
use crate::failure::{Failure, Kind, Result};
use crate::files;
use crate::output::{Context, Outcome};
use nascent::evidence::Known;
use nascent::given::Given;
use nascent::keys::KeySource;
use nascent::model::ModelFile;
use nascent::srs;
use nascent_compiler::{Limits, Rules};
use nascent_verifier::codec::Format;
use nascent_verifier::{Beacon, Chain, CommitmentData, InferenceBundle, Plan, RelayoutBundle, Srs};
use std::path::{Path, PathBuf};

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

impl Args {
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
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let subject = Subject::of(&args.bundle)?;
    args.check_options(subject)?;
    let verdict = match subject {
        Subject::Answer => answer::verify(context, &args),
        Subject::Relayout => relayout::verify(context, &args),
        Subject::Chain => chain::verify(context, &args),
        Subject::Initialization => initialization::verify(context, &args),
    };
    verdict.map_err(|failure| match failure.kind() {
        Kind::Refused => failure.context(format!("REFUSED: {}", args.bundle.display())),
        _ => failure,
    })
}

/// What the caller has from elsewhere, read.
struct Read {
    plan: Option<Plan>,
    beacon: Option<Beacon>,
    rules: Option<Rules>,
    earlier: Vec<Plan>,
    keys: KeySource,
    model: Option<ModelFile>,
}

impl Args {
    /// Reads what was given, with the plan as it was published: a proof bundle is what is to be held
    /// against it. `named` are the keys that the file's proofs are under.
    fn read(&self, named: &[[u8; 32]]) -> Result<Read> {
        let plan = self.plan.as_deref().map(files::read).transpose()?;
        self.read_with(plan, named)
    }

    /// The same with a plan that was read.
    fn read_with(&self, plan: Option<Plan>, named: &[[u8; 32]]) -> Result<Read> {
        let given = self.key.iter().map(|path| beside::read_key(path));
        Ok(Read {
            plan,
            beacon: self.beacon.value()?,
            rules: match self.rules.rules.is_some() || self.rules.preset.is_some() {
                true => Some(self.rules.load(&Limits::default())?),
                false => None,
            },
            earlier: self.previous.read()?,
            model: self.model.as_deref().map(ModelFile::open).transpose()?,
            keys: KeySource {
                rederive: self.rederive_key,
                given: given.collect::<Result<_>>()?,
                beside: match self.rederive_key {
                    true => Vec::new(),
                    false => beside::keys(&self.bundle, named)?,
                },
            },
        })
    }

    /// The same as the library takes it.
    fn given<'a>(&'a self, read: &'a Read) -> Given<'a> {
        Given {
            plan: read.plan.as_ref(),
            beacon: read.beacon.as_ref(),
            known: Known {
                blocks: &self.block_hash,
                vrf_keys: &self.vrf_key,
            },
            model: read.model.as_ref(),
            rules: read.rules.as_ref(),
            earlier: &read.earlier,
            keys: read.keys.clone(),
            accept_keys: self.accept_keys,
            accept_declared: self.accept_declared,
        }
    }

    /// What a verifier needs of the SRS that the proofs name.
    fn srs(&self, context: &Context, identity: &[u8; 32]) -> Result<Srs> {
        let given = self.srs.as_deref().map(beside::read_srs).transpose()?;
        let accepted = self.development_srs;
        Ok(srs::of_proofs(
            &context.setting(),
            identity,
            given,
            accepted,
        )?)
    }

    /// The commitment that was given, with the links of the proof.
    fn published(&self, srs: &Srs) -> Result<Option<nascent::commitment::Published>> {
        let Some(path) = &self.commitment else {
            return Ok(None);
        };
        let data: CommitmentData = files::read(path)?;
        let links = beside::links(&self.bundle, self.links.as_deref())?;
        Ok(Some(nascent::commitment::Published::new(
            &data, links, srs,
        )?))
    }
}
