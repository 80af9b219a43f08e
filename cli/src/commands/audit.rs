//! `nascent audit`: derive again, compare with given weights, bit by bit.

use crate::arguments::{self, BeaconArgs, PreviousWeights};
use crate::failure::{Failure, Kind, Result};
use crate::output::{self, Context, Outcome, count};
use crate::secret::SecretArgs;
use crate::tell;
use nascent::derive::{self, Audit, AuditReport, Origin, SafetensorsFile, WeightsError};
use nascent::evidence::{self, Known};
use nascent::plan::PlanReport;
use nascent_verifier::Beacon;
use nascent_verifier::text::Quoted;
use serde_json::json;
use std::path::{Path, PathBuf};
use std::time::Instant;

#[derive(Debug, clap::Args)]
pub struct Args {
    /// The plan, or the proof bundle, which holds plan and beacon value
    plan: PathBuf,
    /// The weights to check, as safetensors
    weights: PathBuf,
    #[command(flatten)]
    beacon: BeaconArgs,
    #[command(flatten)]
    secret: SecretArgs,
    #[command(flatten)]
    previous: PreviousWeights,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let arguments::PlanSource {
        plan,
        beacon: bundled,
        weight_digest: claimed,
    } = arguments::read_plan(&args.plan)?;
    let beacon = beacon(args.beacon.read(&plan)?, bundled)?;
    let checked = evidence::check(&beacon, &Known::default())?;
    let secret = args.secret.read()?;
    if plan.publisher_key.is_some() && secret.is_none() {
        return Err(Failure::new(
            Kind::Usage,
            "the plan has a hidden seed: only its publisher can derive the weights",
        )
        .help("check its proofs with `nascent verify`; the publisher gives --secret FILE"));
    }
    let started = Instant::now();
    let origin = Origin::new(&plan, &beacon, secret.as_ref());
    let deriver = args.previous.give(origin.deriver()?)?;
    let audit = || -> std::result::Result<Audit, WeightsError> {
        let mut given = SafetensorsFile::open(&args.weights)?;
        derive::audit(&context.setting(), &plan, &deriver, &mut given)
    };
    let audit = audit().map_err(|error| match error {
        // About the plan, not about this file.
        WeightsError::Derive(_) => Failure::from(error),
        _ => Failure::from(error).context(format!("weights {}", args.weights.display())),
    })?;
    let report = &audit.report;
    for value in &checked {
        tell::beacon_value(context, value, Some(&plan));
    }
    if plan.model.inherited_elements() > 0 {
        context.result(format!(
            "Not checked: that the {} inherited weights are the earlier plan's; they are those of the \
             file given. Audit that file with its own plan.",
            count(plan.model.inherited_elements())
        ));
    }
    let digests = Digests {
        derived: audit.digest,
        bundle: claimed,
        weights: audit.claimed.clone(),
    };
    let stamps = &audit.foreign_stamps;
    let matches = report.is_match() && digests.is_match() && stamps.is_empty();
    print(context, report, matches, deriver.elements(), &args.weights);
    digests.print(context);
    for stamp in stamps {
        context.result(format!(
            "DIFFERENT: the header of the weights has {stamp}, which is not this plan's."
        ));
    }
    context.note(format!("in {}", output::duration(started.elapsed())));
    let json = json!({
        "weights": output::path(&args.weights),
        "plan": output::json(&PlanReport::new(&plan)?)?,
        "beacon_digest": hex::encode(beacon.digest()),
        "beacon_values": checked.iter().map(|it| it.report(Some(&plan))).collect::<Vec<_>>(),
        "elements": deriver.elements(),
        "mismatches": report.mismatches(),
        "tensors": report.tensors,
        "unexpected": report.unexpected,
        "weight_digest": digests.derived.map(hex::encode),
        "weight_digest_matches": digests.is_match(),
        "foreign_stamps": stamps,
        "seconds": started.elapsed().as_secs_f64(),
    });
    Ok(Outcome::verdict(matches, json))
}

/// The weight digest as it is, and as others say.
struct Digests {
    /// Of the derived weights, where the plan asks for it.
    derived: Option<[u8; 32]>,
    /// What the bundle claims.
    bundle: Option<[u8; 32]>,
    /// What the header of the weights says, in hexadecimal.
    weights: Option<String>,
}

impl Digests {
    /// Where something else is said than what was derived.
    fn differences(&self) -> Vec<&'static str> {
        let Some(derived) = self.derived else {
            return Vec::new();
        };
        let bundle = self.bundle.is_some_and(|bundle| bundle != derived);
        let expected = hex::encode(derived);
        let weights = self.weights.as_ref().is_some_and(|got| *got != expected);
        let places = [
            (bundle, "the bundle"),
            (weights, "the header of the weights"),
        ];
        let places = places.into_iter().filter(|(differs, _)| *differs);
        places.map(|(_, place)| place).collect()
    }

    fn is_match(&self) -> bool {
        self.differences().is_empty()
    }

    fn print(&self, context: &Context) {
        let Some(derived) = self.derived else { return };
        context.result(format!("{:<18}{}", "weight digest", hex::encode(derived)));
        for place in self.differences() {
            context.result(format!("DIFFERENT: {place} has another weight digest."));
        }
    }
}

fn beacon(given: Option<Beacon>, bundled: Option<Beacon>) -> Result<Beacon> {
    match (given, bundled) {
        (Some(given), Some(bundled)) if given.digest() != bundled.digest() => Err(Failure::new(
            Kind::Refused,
            "the bundle was made with another beacon value than the one given",
        )),
        (Some(beacon), _) | (None, Some(beacon)) => Ok(beacon),
        (None, None) => Err(Failure::new(Kind::Usage, "no beacon value given")
            .help("give it with --beacon-value HEX, --beacon-file FILE, or --evidence FILE")),
    }
}

fn print(context: &Context, report: &AuditReport, matches: bool, elements: u64, path: &Path) {
    for tensor in report.tensors.iter().filter(|tensor| tensor.mismatches > 0) {
        let first = tensor.first.map_or_else(String::new, |first| {
            format!(
                "; the first, element {}, is {:?} and should be {:?}",
                first.element,
                f32::from_bits(first.got),
                f32::from_bits(first.expected)
            )
        });
        context.result(format!(
            "{}: {} of {} elements differ{first}",
            Quoted(&tensor.name),
            count(tensor.mismatches),
            count(tensor.elements)
        ));
    }
    for name in &report.unexpected {
        context.result(format!("{}: not a tensor of the model", Quoted(name)));
    }
    if matches {
        context.result(format!(
            "MATCH: all {} weights of {} are the ones that plan and beacon value give, bit for bit. \
             Not checked: that the plan was published before the beacon value was known, and whose value it is, unless it says so here.",
            count(elements),
            path.display()
        ));
    } else if !report.is_match() {
        context.result("DIFFERENT: these are not the weights that plan and beacon value give.");
    }
}
