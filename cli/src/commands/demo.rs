//! `nascent demo`: the whole chain on a bundled model, then lies about it, each refused.

use super::common::{self, DEVELOPMENT_NOTICE, RulesArgs};
use super::prove::{SizeArgs, Task, Work};
use super::{init, prove, verify};
use crate::evidence::{self, Checked};
use crate::failure::{Classify, Failure, Kind, Result};
use crate::files;
use crate::machine;
use crate::output::{self, Context, Outcome, count};
use crate::secret::Secret;
use nascent_beacons::{Network, establish};
use nascent_prover::derive::{SafetensorsFile, audit};
use nascent_prover::job::Finished;
use nascent_verifier::codec::Format;
use nascent_verifier::{Beacon, BeaconSource, Fill, InitBundle, NotProved, Plan, Report, Srs};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// LeNet-5, without weights: the architecture is all that a plan needs.
const LENET5: &[u8] = include_bytes!("../../../examples/models/lenet5.onnx");

#[derive(Debug, clap::Args)]
pub struct Args {
    /// Keep the files in this folder [default: a temporary one, removed at the end]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Another model: ONNX, or TOML
    #[arg(long, value_name = "FILE")]
    model: Option<PathBuf>,
    /// Fewer and larger, or more and smaller tiles: 2^K rows each
    #[arg(long, value_name = "K", value_parser = clap::value_parser!(u32).range(7..=24))]
    k: Option<u32>,
}

/// A round of drand's quicknet, published on 2023-08-23.
const RECORDED_ROUND: u64 = 123;
const RECORDED_SIGNATURE: &str = "\
b75c69d0b72a5d906e854e808ba7e2accb1542ac355ae486d591aa9d43765482\
e26cd02df835d3546d23c4b13e0dfc92";

fn recorded_source() -> BeaconSource {
    BeaconSource::Drand {
        chain: Network::Quicknet.chain_hash(),
        round: RECORDED_ROUND,
    }
}

/// What the steps hand on.
struct Demo<'a> {
    context: &'a Context,
    folder: &'a Path,
    model: PathBuf,
    k: Option<u32>,
}

/// What the figures at the end are made of.
struct Figures {
    weights: u64,
    tiles: u64,
    derive: Duration,
    prove: Duration,
    /// The proofs alone: without SRS and keys.
    proving: Duration,
    verify: Duration,
    proof_bytes: u64,
    bundle_bytes: u64,
    key_bytes: u64,
}

pub fn run(context: &Context, args: Args) -> Result<Outcome> {
    let temporary;
    let folder = match &args.out {
        Some(folder) => {
            std::fs::create_dir_all(folder).or_fail(Kind::Environment)?;
            folder.as_path()
        }
        None => {
            temporary = tempfile::tempdir().or_fail(Kind::Environment)?;
            temporary.path()
        }
    };
    let model = match args.model {
        Some(model) => model,
        None => {
            let path = folder.join("lenet5.onnx");
            files::write(&path, LENET5)?;
            path
        }
    };
    let demo = Demo {
        context,
        folder,
        model,
        k: args.k,
    };
    demo.run()
}

impl Demo<'_> {
    fn run(&self) -> Result<Outcome> {
        let started = Instant::now();
        let secret = Secret::random()?;
        let plan = self.plan(&secret)?;
        let beacon = self.beacon()?;
        let derive = self.derive(&plan, &beacon, &secret)?;
        let (work, prove) = self.prove(&plan, &beacon, &secret)?;
        let Work {
            finished, proving, ..
        } = work;
        let bundle_bytes = self.write(&finished)?;
        let (report, verify) = self.verify(&finished)?;
        let lies = self.lies(&finished, &plan, &beacon, &secret)?;
        let figures = Figures {
            weights: report.sampled_weights,
            tiles: report.proofs,
            derive,
            prove,
            proving,
            verify,
            proof_bytes: report.proof_bytes,
            bundle_bytes,
            key_bytes: key_bytes(&finished)?,
        };
        let total = started.elapsed();
        self.print_figures(&figures, total);
        self.context.warn(DEVELOPMENT_NOTICE);
        let mut json = figures.json(total);
        json["report"] = verify::report_json(&report, &report.not_proved);
        json["refusals"] = lies;
        Ok(Outcome::ok(json))
    }

    fn step(&self, number: u32, text: &str) {
        self.context.result(format!("\n{number}. {text}"));
    }

    fn line(&self, text: impl AsRef<str>) {
        self.context.result(format!("   {}", text.as_ref()));
    }

    fn plan(&self, secret: &Secret) -> Result<Plan> {
        self.step(
            1,
            "PLAN: before the beacon value is known, fix model, rules and publisher.",
        );
        let rules = RulesArgs {
            rules: None,
            preset: None,
        };
        let model = common::compile(&self.model, None, &rules)?;
        let plan = Plan {
            model: model.spec,
            publisher_key: Some(secret.public_key()),
            beacon: vec![recorded_source()].into(),
            created: machine::now(),
            weight_digest: false,
        };
        files::write(
            &self.folder.join("plan.nsc"),
            &plan.encode().or_fail(Kind::Input)?,
        )?;
        let digest = |digest: [u8; 32]| hex::encode(digest);
        self.line(format!(
            "model          {}: {} weights in {} tensors",
            plan.model.name,
            count(plan.model.sampled_elements()),
            plan.model.tensors.len()
        ));
        self.line(format!(
            "plan digest    {}",
            digest(plan.digest().or_fail(Kind::Input)?)
        ));
        self.line(format!(
            "publisher key  {} (its secret stays private)",
            digest(secret.public_key())
        ));
        Ok(plan)
    }

    fn beacon(&self) -> Result<Beacon> {
        self.step(
            2,
            "BEACON: the value is published. Nobody could choose it, or know it before.",
        );
        let signature = files::hex_bytes(RECORDED_SIGNATURE)
            .map_err(|error| Failure::new(Kind::Internal, error))?;
        let (value, finding) = establish(recorded_source(), signature).or_fail(Kind::Internal)?;
        self.line(format!("source         {}", value.source));
        self.line(format!("value          {}", hex::encode(&value.value)));
        self.line(format!("shown          {finding}"));
        for open in finding.leaves_open() {
            self.line(format!("not shown      {open}"));
        }
        self.line("recorded       this round is long out; a real plan names one to come");
        Ok(vec![value].into())
    }

    fn derive(&self, plan: &Plan, beacon: &Beacon, secret: &Secret) -> Result<Duration> {
        self.step(
            3,
            "INIT: secret and beacon value give the weights. There is nothing left to choose.",
        );
        let started = Instant::now();
        let deriver = init::deriver(plan, beacon, Some(secret))?;
        let bytes = init::weights(self.context, plan, &deriver, None, &self.weights())?;
        let time = started.elapsed();
        self.line(format!(
            "weights        {} in {}",
            output::bytes(bytes),
            output::duration(time)
        ));
        if self
            .model
            .extension()
            .is_some_and(|extension| extension == "onnx")
        {
            let path = self.folder.join("initialized.onnx");
            let written = init::onnx(self.context, plan, &deriver, &self.model, &path)?;
            self.line(format!(
                "ONNX           {}, {} tensors filled",
                output::bytes(written.bytes),
                written.tensors
            ));
        }
        Ok(time)
    }

    fn prove(&self, plan: &Plan, beacon: &Beacon, secret: &Secret) -> Result<(Work, Duration)> {
        self.step(4, "PROVE: the committed weights are exactly those; neither they nor the secret are shown.");
        let size = SizeArgs {
            k: self.k,
            memory: None,
            any_memory: false,
        };
        let task = Task {
            plan,
            beacon,
            secret: Some(secret),
            srs: *nascent_params::development_identity(),
            size: &size,
            job: &self.folder.join("job"),
            opening: None,
        };
        let started = Instant::now();
        let work = prove::prove(self.context, &task)?;
        let time = started.elapsed();
        self.line(format!(
            "proofs         {}, {} in all, in {} with keys and reference string",
            count(work.finished.report.proofs),
            output::bytes(work.finished.report.proof_bytes),
            output::duration(time)
        ));
        Ok((work, time))
    }

    fn write(&self, finished: &Finished) -> Result<u64> {
        let path = self.folder.join("proofs.nsc");
        let bytes = finished.bundle.encode().or_fail(Kind::Internal)?;
        files::write(&path, &bytes)?;
        prove::write_keys(&path, finished)?;
        Ok(bytes.len() as u64)
    }

    fn verify(&self, finished: &Finished) -> Result<(Report, Duration)> {
        self.step(5, "VERIFY: from the file alone, as anyone would.");
        let bundle: InitBundle = files::read(&self.folder.join("proofs.nsc"))?;
        let srs = Srs::development().or_fail(Kind::Internal)?;
        let (mut report, time) = verify::check(&bundle, finished.keys.iter(), &srs)?;
        self.line(format!(
            "accepted       {} proofs in {}",
            count(report.proofs),
            output::duration(time)
        ));
        for proved in &report.proved {
            self.line(format!("  proved       {proved}"));
        }
        let values = evidence::check(&bundle.beacon, &[])?;
        for value in &values {
            self.line(format!("  shown        {}", value.finding));
        }
        let established = values.iter().all(Checked::is_established);
        report
            .not_proved
            .retain(|open| *open != NotProved::BeaconEvidence || !established);
        for open in &report.not_proved {
            self.line(format!("  not proved   {open}"));
        }
        Ok((report, time))
    }

    fn weights(&self) -> PathBuf {
        self.folder.join("weights.safetensors")
    }

    /// Every lie must be refused; one that passes ends the demo with a failure.
    fn lies(
        &self,
        finished: &Finished,
        plan: &Plan,
        beacon: &Beacon,
        secret: &Secret,
    ) -> Result<Value> {
        self.step(6, "TAMPER: the same proofs, with a lie each.");
        let srs = Srs::development().or_fail(Kind::Internal)?;
        let mut refused = Vec::new();
        for (name, bundle) in lies(&finished.bundle) {
            let reason = match verify::check(&bundle, finished.keys.iter(), &srs) {
                Err(failure) if failure.kind() == Kind::Refused => failure.messages().join(": "),
                Err(failure) => return Err(failure),
                Ok(_) => {
                    let message = format!("a bundle with {name} was ACCEPTED");
                    return Err(Failure::new(Kind::Internal, message).help("please report this"));
                }
            };
            self.line(format!("refused        {name:<30} {reason}"));
            refused.push(json!({ "lie": name, "reason": reason }));
        }
        let name = "another round's signature";
        let reason = other_round(beacon)?;
        self.line(format!("refused        {name:<30} {reason}"));
        refused.push(json!({ "lie": name, "reason": reason }));
        let mismatches = self.changed_weight(plan, beacon, secret)?;
        let name = "one bit of one weight changed";
        let reason = format!("audit: {mismatches} weight differs");
        self.line(format!("refused        {name:<30} {reason}"));
        refused.push(json!({ "lie": name, "reason": reason }));
        Ok(refused.into())
    }

    /// Flips a bit of the last weight in the file; gives the weights that the audit finds wrong.
    fn changed_weight(&self, plan: &Plan, beacon: &Beacon, secret: &Secret) -> Result<u64> {
        let limit = usize::try_from(plan.model.sampled_elements() + plan.model.constant_elements())
            .unwrap_or(usize::MAX)
            .saturating_mul(4)
            .saturating_add(64 << 20);
        let mut bytes = files::read_bounded(&self.weights(), limit)?;
        if let Some(byte) = bytes.last_mut() {
            *byte ^= 0x40;
        }
        let path = self.folder.join("changed.safetensors");
        files::write(&path, &bytes)?;
        let deriver = init::deriver(plan, beacon, Some(secret))?;
        let mut file = SafetensorsFile::open(&path).or_fail(Kind::Internal)?;
        let report = audit(&deriver, &mut file, &|_, _| ()).or_fail(Kind::Internal)?;
        if report.is_match() {
            return Err(Failure::new(
                Kind::Internal,
                "the audit did not see a changed weight",
            ));
        }
        Ok(report.mismatches())
    }

    fn print_figures(&self, figures: &Figures, total: Duration) {
        self.context.result("\nFIGURES of this machine");
        let rate = figures.rate();
        self.line(format!(
            "derived        {} weights in {}",
            count(figures.weights),
            output::duration(figures.derive)
        ));
        self.line(format!(
            "proved         in {}: {} weights/s; {} with reference string and keys",
            output::duration(figures.proving),
            count(rate as u64),
            output::duration(figures.prove)
        ));
        self.line(format!(
            "proofs         {}: {} each",
            count(figures.tiles),
            output::bytes(figures.proof_bytes / figures.tiles.max(1))
        ));
        self.line(format!(
            "verified       in {}",
            output::duration(figures.verify)
        ));
        self.line(format!(
            "bundle         {}, verifying key {}",
            output::bytes(figures.bundle_bytes),
            output::bytes(figures.key_bytes)
        ));
        if let Some(peak) = machine::peak_memory() {
            self.line(format!("peak memory    {}", output::bytes(peak)));
        }
        self.line(format!("all of it      {}", output::duration(total)));
        self.context.result("");
    }
}

impl Figures {
    fn rate(&self) -> f64 {
        self.weights as f64 / self.proving.as_secs_f64().max(1e-9)
    }

    fn json(&self, total: Duration) -> Value {
        json!({
            "weights": self.weights,
            "proofs": self.tiles,
            "derive_seconds": self.derive.as_secs_f64(),
            "prove_seconds": self.prove.as_secs_f64(),
            "proving_seconds": self.proving.as_secs_f64(),
            "weights_per_second": self.rate(),
            "verify_seconds": self.verify.as_secs_f64(),
            "proof_bytes": self.proof_bytes,
            "bundle_bytes": self.bundle_bytes,
            "key_bytes": self.key_bytes,
            "peak_memory_bytes": machine::peak_memory(),
            "total_seconds": total.as_secs_f64(),
        })
    }
}

fn key_bytes(finished: &Finished) -> Result<u64> {
    let mut total = 0;
    for key in &finished.keys {
        total += key.encode().or_fail(Kind::Internal)?.len() as u64;
    }
    Ok(total)
}

/// The recorded signature for the round after its own; gives the reason of the refusal.
fn other_round(beacon: &Beacon) -> Result<String> {
    let mut values = beacon.values().to_vec();
    for value in &mut values {
        if let BeaconSource::Drand { round, .. } = &mut value.source {
            *round += 1;
        }
    }
    match evidence::check(&Beacon::Sources(values), &[]) {
        Err(failure) => Ok(failure.messages().join(": ")),
        Ok(_) => Err(
            Failure::new(Kind::Internal, "a signature on another round was ACCEPTED")
                .help("please report this"),
        ),
    }
}

/// Bundles that claim what is not so.
fn lies(honest: &InitBundle) -> Vec<(&'static str, InitBundle)> {
    let mut lies = Vec::new();
    let mut lie = |name, change: &dyn Fn(&mut InitBundle)| {
        let mut bundle = honest.clone();
        change(&mut bundle);
        if bundle != *honest {
            lies.push((name, bundle));
        }
    };
    lie("other weights committed", &|bundle| {
        // The first two words of a proof commit to the first two lanes of weights.
        if let Some((first, rest)) = bundle
            .tiles
            .first_mut()
            .and_then(|tile| tile.proof.split_at_mut_checked(32))
        {
            first
                .iter_mut()
                .zip(rest)
                .for_each(|(a, b)| std::mem::swap(a, b));
        }
    });
    lie("another beacon value", &|bundle| {
        if let Beacon::Sources(values) = &mut bundle.beacon
            && let Some(byte) = values.iter_mut().find_map(|it| it.value.first_mut())
        {
            *byte ^= 1;
        }
    });
    lie("another model", &|bundle| {
        let fills = bundle
            .plan
            .model
            .tensors
            .iter_mut()
            .map(|tensor| &mut tensor.fill);
        for fill in fills {
            if let Fill::Sampled { scale_bits, .. } = fill {
                *scale_bits ^= 1;
            }
        }
    });
    lie("another publisher", &|bundle| {
        bundle.plan.publisher_key = Some([1; 32]);
    });
    lie("the last tile left out", &|bundle| {
        bundle.tiles.pop();
    });
    lie("one tile in another's place", &|bundle| {
        if let [first, .., last] = bundle.tiles.as_mut_slice() {
            last.proof.clone_from(&first.proof);
        }
    });
    lies
}
