//! The library by itself: what callers can ask, stop, and get wrong.

use nascent::answer::{self, Against, AnswerError, Circuit, ProveError, Salts};
use nascent::commitment::{CommitError, Committed, Opening, ParameterColumns};
use nascent::given::{Given, GivenError};
use nascent::initialization::{self, JobError, Options};
use nascent::model::{self, Compiled, Hidden, ModelFile, samples};
use nascent::secret::Secret;
use nascent::{
    Beacon, Failure, Kind, Limits, Observer, Plan, Rules, Setting, derive, keys::KeySource, plan,
    relayout, srs,
};
use rand_core::OsRng;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

fn example(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../examples")
        .join(path)
}

/// A cache that lasts for a test.
struct Cache(tempfile::TempDir);

impl Cache {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    fn setting<'a>(&self, observer: &'a dyn Observer) -> Setting<'a> {
        Setting {
            observer,
            ..Setting::new(self.0.path())
        }
    }
}

fn digits(setting: &Setting<'_>) -> Compiled {
    let file = ModelFile::open(&example("inference/digits-mlp.onnx")).expect("there");
    let given = samples::open(&[&example("inference/digits-mlp.samples.npz")]).expect("samples");
    model::compile(setting, &file, &model::Options::default(), &given, None).expect("compiles")
}

fn mlp() -> (Plan, Beacon, Secret) {
    let file = ModelFile::open(&example("models/mlp.onnx")).expect("there");
    let rules = "version = 1\nprecision = { limb_bits = 11, fraction_bits = 7 }";
    let rules = Rules::parse(rules, &Limits::default()).expect("rules");
    let spec = plan::model(&file, None, &rules, &[], &[])
        .expect("a model")
        .spec;
    let secret = Secret::draw(&mut OsRng).expect("randomness");
    let plan = plan::make(&spec, Some(secret.public_key()), "dice".into(), 0, false);
    (plan.expect("a plan"), Beacon::Raw(vec![4]), secret)
}

#[test]
fn hidden_answers_keep_their_salts_and_know_their_commitment() {
    let cache = Cache::new();
    let setting = cache.setting(&());
    let compiled = digits(&setting);
    let (graph, params) = (&compiled.model.graph, &compiled.model.params);
    let given = samples::open(&[&example("inference/digits-mlp.samples.npz")]).expect("samples");
    let inputs = compiled.model.inputs(&given, 2).expect("two samples");
    let hidden = Hidden {
        inputs: true,
        outputs: false,
    };
    let srs = srs::development();
    let circuit = Circuit::new(&setting, graph, hidden).expect("a circuit");
    assert!(circuit.memory() > 1 << 20);
    let prover = circuit.prover(&setting, &srs).expect("keys");
    let none = Salts::default();
    let prove = |sample, kept, link_to: Option<&_>| {
        let input = inputs.flat(sample);
        let made = prover.prove(&setting, params, &input, kept, link_to, &mut OsRng);
        made.map_err(Box::new)
    };
    let first = prove(0, none, None).expect("a proof");
    assert!(first.bundle.inputs.is_empty() && first.salts.outputs.is_none());
    assert_eq!(first.bundle.outputs, first.outputs);
    let one = compiled.model.inputs(&given, 1).expect("a sample");
    let run = compiled.model.run(&setting, &one).expect("runs");
    assert_eq!(first.outputs, run.concat());
    // A run that was stopped goes on with its salt; another input would open another proof.
    let again = prove(0, first.salts, None).expect("a proof");
    assert_eq!(again.bundle.hidden_inputs, first.bundle.hidden_inputs);
    let fresh = prove(0, none, None).expect("a proof");
    assert_ne!(fresh.bundle.hidden_inputs, first.bundle.hidden_inputs);
    let other = prove(1, first.salts, None).expect_err("another input");
    assert!(matches!(*other, ProveError::OtherSalt("input")), "{other}");

    let opening = Opening::draw(&mut OsRng);
    let commit = |hidden| {
        let columns = ParameterColumns::of(&setting, graph, hidden, &srs).expect("columns");
        columns
            .commit(params, &opening, None)
            .expect("a commitment")
            .data
    };
    let open = Committed::new(commit(Hidden::default()), opening.clone()).expect("its secret");
    let error = prover
        .link_to(params, &open)
        .err()
        .expect("another circuit");
    assert!(
        matches!(&error, ProveError::Commitment(of) if matches!(**of, CommitError::OtherCircuit))
    );
    let own = Committed::new(commit(hidden), opening).expect("its secret");
    let link_to = prover.link_to(params, &own).expect("its circuit");
    assert!(
        prove(0, none, Some(&link_to))
            .expect("a proof")
            .link
            .is_some()
    );
    let mut changed = params.clone();
    if let Some(value) = changed
        .values
        .values_mut()
        .find_map(|of| of.iter_mut().find(|v| **v > 0))
    {
        *value -= 1;
    }
    let error = prover
        .link_to(&changed, &own)
        .err()
        .expect("other parameters");
    assert_eq!(error.kind(), Kind::Refused, "{error}");
    let stranger = Committed::new(own.data.clone(), Opening::draw(&mut OsRng));
    assert!(matches!(stranger, Err(CommitError::OtherSecret)));

    // What says nothing of an answer is no silent argument.
    let verifier = srs::of_verifier(&setting, &srs).expect("the development SRS");
    let file = ModelFile::open(&example("inference/digits-mlp.onnx")).expect("there");
    let (plan, beacon, _) = mlp();
    let keys = || KeySource {
        given: vec![first.key.clone()],
        ..KeySource::default()
    };
    let verify = |given: Given<'_>, against: Against<'_>| {
        let given = Given {
            keys: keys(),
            ..given
        };
        let verdict = answer::verify(&setting, &first.bundle, &verifier, &given, against);
        verdict.map(|of| of.not_shown).map_err(Box::new)
    };
    let beside = Given {
        beacon: Some(&beacon),
        ..Given::default()
    };
    let error = verify(beside, Against::default()).expect_err("a beacon's value");
    assert!(
        matches!(*error, AnswerError::Given(GivenError::NotOf { .. })),
        "{error}"
    );
    let beside = Given {
        plan: Some(&plan),
        ..Given::default()
    };
    let error = verify(beside, Against::default()).expect_err("a plan alone");
    assert!(matches!(*error, AnswerError::NoModel), "{error}");
    let beside = Given {
        model: Some(&file),
        ..Given::default()
    };
    let error = verify(beside, Against::default()).expect_err("a model alone");
    assert!(matches!(*error, AnswerError::NoProfile), "{error}");
    let beside = || Given {
        model: Some(&file),
        ..Given::default()
    };
    let profile = Against {
        profile: Some(&compiled.profile),
        ..Against::default()
    };
    let open = verify(beside(), profile).expect("the model's");
    // The multipliers are the prover's; the key was derived from the model.
    assert!(open.len() <= 2, "{open:?}");
}

/// Stops after so many reports.
struct Stop {
    after: u64,
    told: AtomicU64,
    stopped: AtomicBool,
}

impl Stop {
    fn after(after: u64) -> Self {
        Self {
            after,
            told: AtomicU64::new(0),
            stopped: AtomicBool::new(false),
        }
    }
}

impl Observer for Stop {
    fn progress(&self, _: &str, _: u64, _: u64) {
        if self.told.fetch_add(1, Ordering::Relaxed) >= self.after {
            self.stopped.store(true, Ordering::Relaxed);
        }
    }

    fn is_cancelled(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }
}

#[test]
fn an_observer_stops_derivation_and_jobs_and_a_job_goes_on() {
    let cache = Cache::new();
    let (plan, beacon, secret) = mlp();
    let origin = derive::Origin::new(&plan, &beacon, Some(&secret));
    let deriver = origin.deriver().expect("a deriver");
    let stop = Stop::after(0);
    stop.stopped.store(true, Ordering::Relaxed);
    let setting = cache.setting(&stop);
    let mut written = Vec::new();
    let error = derive::write_safetensors(&setting, &plan, &deriver, None, &mut written);
    assert_eq!(error.expect_err("stopped").kind(), Kind::Cancelled);
    assert!(written.is_empty());
    let free = cache.setting(&());
    let bytes = derive::write_safetensors(&free, &plan, &deriver, None, &mut written);
    assert_eq!(bytes.expect("written"), written.len() as u64);

    let folder = cache.0.path().join("job");
    let srs = srs::development();
    let stop = Stop::after(0);
    let setting = cache.setting(&stop);
    let prover = initialization::Prover::new(&setting, &srs);
    let job = prover
        .job(origin, &folder, Options::of_size(12))
        .expect("a job");
    assert!(job.estimate().tiles() > 2, "{:?}", job.estimate());
    let error = job
        .run(&setting, OsRng)
        .expect_err("stopped at the first tile");
    assert!(matches!(error, JobError::Cancelled { .. }), "{error}");
    drop(job);
    let job = prover
        .job(origin, &folder, Options::of_size(12))
        .expect("the same job");
    assert!(job.finished_tiles() > 0);
    let made = job.run(&free, OsRng).expect("goes on").finished;
    assert!(made.resumed > 0 && made.proved > 0);

    // Proving and relayouts stop before they begin.
    let compiled = digits(&free);
    let circuit = Circuit::new(&free, &compiled.model.graph, Hidden::default()).expect("a circuit");
    let error = circuit.prover(&setting, &srs).err().expect("stopped");
    assert_eq!(error.kind(), Kind::Cancelled);
    let origins = nascent_ir::Origins {
        model: [0; 32],
        architecture: [0; 32],
        params: Vec::new(),
        public: Vec::new(),
    };
    let graph = &compiled.model.graph;
    let error = relayout::Prover::new(&setting, &plan.model, graph, &origins, &srs).err();
    assert_eq!(error.expect("stopped").kind(), Kind::Cancelled);
}
