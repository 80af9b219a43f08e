//! A plan that inherits weights from an earlier one: only what is new is derived and proved.

use crate::support::{BEACON, Folder, RULES, Run, example, run};
use nascent_verifier::chain::{ChainError, Origin, Step, StepError};
use nascent_verifier::codec::Format;
use nascent_verifier::workers::Alone;
use nascent_verifier::{Chain, Fill, Plan, SpecError, Srs, VerifyingKey, verify_chain};
use std::fs;
use std::sync::OnceLock;

/// The value that the second plan's beacon took.
const LATER: &str = "ffeeddccbbaa99887766554433221100";

/// The only layer that the second plan samples.
const REDRAWN: &str = "fc3.weight";

/// Two plans; the second redraws the last layer.
fn planned(folder: &Folder) {
    folder.write("rules.toml", RULES.as_bytes());
    let model = example("lenet5-average.onnx");
    let plan = ["plan", &model, "--rules", "rules.toml", "--public-seed"];
    let first = ["--beacon", "x", "--out", "plan1"];
    let first = run(folder, &plan, &first).exits(0).json();
    let second = [
        "--beacon",
        "y",
        "--out",
        "plan2",
        "--previous-plan",
        "plan1",
    ];
    let second = [&second[..], &["--redraw", "fc3.*"]].concat();
    let second = run(folder, &plan, &second).exits(0).json();
    let weights = |plan: &serde_json::Value, what: &str| plan["plan"]["model"][what].as_u64();
    let all = weights(&first, "sampled_weights").expect("a number");
    assert_eq!(weights(&second, "sampled_weights"), Some(840));
    assert_eq!(weights(&second, "inherited_weights"), Some(all - 840));
    let inherits = &second["plan"]["model"]["inherits_from"];
    assert_eq!(*inherits, serde_json::json!([first["plan"]["digest"]]));
    // Without a name to redraw nothing is left; with one that is not there neither.
    let none = ["--beacon", "y", "--out", "p", "--previous-plan", "plan1"];
    let refused = run(folder, &plan, &none).failure(2, "usage");
    assert!(refused.contains("--redraw"), "{refused}");
    let wrong = [&none[..], &["--redraw", "fc9*"]].concat();
    let refused = run(folder, &plan, &wrong).failure(3, "input");
    assert!(refused.contains("fc9*"), "{refused}");
}

fn init(folder: &Folder, plan: &str, value: &str, out: [&str; 2], more: &[&str]) -> Run {
    let model = example("lenet5-average.onnx");
    let [weights, onnx] = out;
    let init = ["init", plan, "--beacon-value", value, "--model", &model];
    let to = ["--onnx", onnx, "--weights", weights];
    run(folder, &[&init[..], &to].concat(), more)
}

fn compile(folder: &Folder, model: &str, more: &[&str]) -> Run {
    let samples = example("lenet5-average.samples.npz");
    let compile = ["compile", model, "--samples", &samples];
    // As many for all weights: the tiles are of one size.
    run(
        folder,
        &[&compile[..], &["--table-bits", "12"]].concat(),
        more,
    )
}

fn prove_tiles(folder: &Folder, number: &str, value: &str, k: &str) {
    let [plan, job, commitment, out] =
        ["plan", "job", "deviates", "tiles"].map(|name| format!("{name}{number}"));
    let prove = ["prove", &plan, "--beacon-value", value, "--k", k];
    let commit = ["--commit", &commitment, "--opening", "o", "--job", &job];
    let to = ["--out", &out, "--development-srs"];
    run(folder, &prove, &[&commit[..], &to].concat()).exits(0);
}

/// The relayout of a plan's tiles to a model's parameters.
fn relayout(folder: &Folder, model: &str, number: &str, value: &str, out: &str) -> Run {
    let [plan, deviates] = ["plan", "deviates"].map(|name| format!("{name}{number}"));
    let commitment = format!("{model}.c");
    let prove = ["prove", "relayout", model, "--plan", &plan, "--out", out];
    let value = ["--beacon-value", value, "--development-srs"];
    let links = ["--commitment", &deviates, "--commitment", &commitment];
    let links = [&links[..], &["--opening", "o"]].concat();
    run(folder, &[&prove[..], &value].concat(), &links)
}

const FILES: [&str; 11] = [
    "tiles2",
    "tiles1",
    "deviates1",
    "deviates2",
    "first.c",
    "second.c",
    "r1",
    "r21",
    "r22",
    "first",
    "second",
];

/// A model of each plan; the second has the first's weights but for its last layer.
fn world() -> &'static Folder {
    static WORLD: OnceLock<Folder> = OnceLock::new();
    WORLD.get_or_init(|| {
        let folder = Folder::new();
        planned(&folder);
        init(&folder, "plan1", BEACON, ["w1", "1.onnx"], &[]).exits(0);
        let more = ["--previous-weights", "w1"];
        init(&folder, "plan2", LATER, ["w2", "2.onnx"], &more).exits(0);
        let first = ["--plan", "plan1", "--out", "first"];
        let made = compile(&folder, "1.onnx", &first).exits(0).json();
        let k = made["k"].to_string();
        let second = [
            "--plan",
            "plan2",
            "--previous-plan",
            "plan1",
            "--out",
            "second",
        ];
        let made = compile(&folder, "2.onnx", &second).exits(0).json();
        assert_eq!(made["derived_weights"], 61_470);
        assert!(folder.path("second/model.origins.1").exists());
        prove_tiles(&folder, "1", BEACON, &k);
        prove_tiles(&folder, "2", LATER, &k);
        for model in ["first", "second"] {
            let out = format!("{model}.c");
            let commit = ["commit", model, "--out", &out, "--opening", "o"];
            run(&folder, &commit, &["--development-srs"]).exits(0);
        }
        relayout(&folder, "first", "1", BEACON, "r1").exits(0);
        relayout(&folder, "second", "1", BEACON, "r21").exits(0);
        relayout(&folder, "second", "2", LATER, "r22").exits(0);
        chain_to(&folder, &FILES, "chain").exits(0);
        folder
    })
}

fn read_chain(folder: &Folder) -> Chain {
    Chain::decode(&fs::read(folder.path("chain")).expect("read")).expect("a chain")
}

#[test]
fn only_what_is_new_is_proved_again() {
    let folder = world();
    let verify = ["verify", "chain", "--development-srs", "--plan", "plan2"];
    let (model, value) = (example("lenet5-average.onnx"), ["--beacon-value", LATER]);
    let given = ["--model", &model, "--rules", "rules.toml", "--rederive-key"];
    let verified = run(folder, &verify, &[&given[..], &value].concat());
    // The value that was given is the last plan's.
    let verified = verified.exits(6).json();
    let open = verified["not_shown"].as_array().expect("a list");
    let [beacon, first] = [0, 1].map(|at| open[at].as_str().expect("words"));
    assert!(beacon.starts_with("of plan 1: "), "{beacon}");
    // Its answers are none of the weights that the model was given for.
    assert!(
        first.starts_with("that 'first' is what you gave"),
        "{first}"
    );
    assert_eq!(open.len(), 2, "{open:?}");
    assert_eq!(verified["checked"]["model"], true);
    assert_eq!(verified["checked"]["plan"], true);
    let text = verified.to_string();
    for words in [
        "60,630 of its weights are those of an earlier plan",
        "60,630 of its 61,",
        "840 of its 61,",
        "integers of initial weights 2",
        "made without a look at its weights",
    ] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let steps = verified["steps"].as_array().expect("a list");
    let names = steps.iter().filter_map(|step| step["step"].as_str());
    let plans = names.filter(|name| name.starts_with("plan"));
    assert_eq!(plans.collect::<Vec<_>>(), ["plan 1", "plan 2"]);
    // The first plan is not the last, which is what a reader's files are compared with.
    let other = ["verify", "chain", "--development-srs", "--plan", "plan1"];
    run(folder, &other, &[]).failure(1, "refused");
    // The weights: those of the first plan, but for the last layer.
    let weights = |name: &str| {
        let bytes = fs::read(folder.path(name)).expect("read");
        safetensors(&bytes)
    };
    for (first, second) in weights("w1").iter().zip(&weights("w2")) {
        assert_eq!(first.0, second.0);
        assert_eq!(first.1 == second.1, first.0 != REDRAWN, "{}", first.0);
    }
    let audit = ["audit", "plan2", "w2", "--beacon-value", LATER];
    run(folder, &audit, &["--previous-weights", "w1"]).exits(0);
    let inspected = folder.json(&["inspect", "chain"]).exits(0).json();
    let plans = inspected["details"]["initializations"].as_array();
    assert_eq!(plans.map(Vec::len), Some(2));
    // The second bundle alone says what it does not show.
    let alone = ["verify", "tiles2", "--development-srs", "--plan", "plan2"];
    let alone = run(folder, &alone, &[]).exits(6).json().to_string();
    assert!(alone.contains("their proofs show that"), "{alone}");
    let given = ["--model", &model, "--rules", "rules.toml"];
    let alone = ["verify", "tiles2", "--development-srs"];
    let alone = [&alone[..], &given].concat();
    run(folder, &alone, &["--previous-plan", "plan1"]).exits(6);
    run(folder, &alone, &[]).failure(1, "refused");
}

/// A version that was compiled for an earlier plan is lowered by that plan's rules, which may fill the
/// model's numbers otherwise: it is not the model that a verifier gives for the last.
#[test]
fn a_declared_version_of_an_earlier_plan_is_not_the_model_that_was_given() {
    let folder = world();
    // Another architecture than the last plan's, with an answer.
    let plan = [
        "--plan",
        "plan1",
        "--activation-bits",
        "7",
        "--out",
        "older",
    ];
    compile(folder, "1.onnx", &plan).exits(0);
    let development = "--development-srs";
    let commit = ["commit", "older", "--out", "older.c", "--opening", "o"];
    run(folder, &commit, &[development]).exits(0);
    let samples = example("lenet5-average.samples.npz");
    let prove = [
        "prove",
        "inference",
        "older",
        "--input",
        &samples,
        "--out",
        "a",
    ];
    let link = ["--commitment", "older.c", "--opening", "o", development];
    run(folder, &prove, &link).exits(0);
    let declared = ["--trained", "older:second:as it was", "--out", "declared"];
    let files = [&FILES[..], &["older", "older.c", "a"]].concat();
    run(folder, &[&["chain"][..], &files].concat(), &declared).exits(0);
    let model = example("lenet5-average.onnx");
    let verify = ["verify", "declared", development, "--rederive-key"];
    let given = [
        "--model",
        &model,
        "--rules",
        "rules.toml",
        "--plan",
        "plan2",
    ];
    let given = [&given[..], &["--accept-declared", "--beacon-value", LATER]].concat();
    let verified = run(folder, &verify, &given).exits(6).json();
    let open = verified["not_shown"].to_string();
    assert!(open.contains("compiled for another plan"), "{open}");
    let mut steps = verified["steps"].as_array().expect("a list").iter();
    let step = steps.find(|step| step["step"] == "model 'older'");
    let shown = step.expect("a step")["shows"].to_string();
    assert!(!shown.contains("the integer graph is"), "{shown}");
}

/// Names and bytes of the tensors, by name.
fn safetensors(bytes: &[u8]) -> Vec<(String, Vec<u8>)> {
    let length = u64::from_le_bytes(bytes[..8].try_into().expect("eight")) as usize;
    let header: serde_json::Value =
        serde_json::from_slice(&bytes[8..8 + length]).expect("a header");
    let tensors = header.as_object().expect("an object").iter();
    let data = &bytes[8 + length..];
    let tensor = |(name, of): (&String, &serde_json::Value)| {
        let [from, to] = [0, 1].map(|at| of["data_offsets"][at].as_u64().map(|at| at as usize));
        Some((name.clone(), data[from?..to?].to_vec()))
    };
    tensors.filter_map(tensor).collect()
}

#[test]
fn what_is_inherited_is_given() {
    let folder = world();
    let missing = init(folder, "plan2", LATER, ["w", "w.onnx"], &[]).failure(2, "usage");
    assert!(missing.contains("--previous-weights"), "{missing}");
    assert!(!folder.path("w").exists() && !folder.path("w.onnx").exists());
    let other = ["--previous-weights", "rules.toml"];
    init(folder, "plan2", LATER, ["w", "w.onnx"], &other).failure(3, "input");
    let missing = compile(folder, "2.onnx", &["--plan", "plan2", "--out", "x"]);
    let missing = missing.failure(3, "input");
    assert!(missing.contains("was not given"), "{missing}");
    let lonely = ["--previous-plan", "plan1", "--out", "y"];
    compile(folder, "2.onnx", &lonely).failure(2, "usage");
    // Other weights than the first plan's: one is another multiple of the scale.
    let mut bytes = fs::read(folder.path("w1")).expect("read");
    let end = bytes.len();
    let (from, to) = bytes.split_at_mut(end - 4000);
    let other = from.rchunks(4).find(|word| *word != &to[..4]).expect("one");
    to[..4].copy_from_slice(other);
    folder.write("changed", &bytes);
    let more = ["--previous-weights", "changed"];
    init(folder, "plan2", LATER, ["w3", "3.onnx"], &more).exits(0);
    let third = [
        "--plan",
        "plan2",
        "--previous-plan",
        "plan1",
        "--out",
        "third",
    ];
    compile(folder, "3.onnx", &third).exits(0);
    let commit = ["commit", "third", "--out", "third.c", "--opening", "o"];
    run(folder, &commit, &["--development-srs"]).exits(0);
    let refused = relayout(folder, "third", "1", BEACON, "r3");
    assert_eq!(refused.code, 3, "{}", refused.stdout);
    // A plan that the model was not compiled with.
    let refused = relayout(folder, "first", "2", LATER, "r4").failure(3, "input");
    assert!(
        refused.contains("was not compiled with this plan"),
        "{refused}"
    );
}

#[test]
fn chains_of_several_plans_have_all_of_them_in_order() {
    let folder = world();
    let honest = read_chain(folder);
    let keys = honest.attachments.keys.iter().cloned();
    let keys: Vec<VerifyingKey> = keys
        .map(|key| VerifyingKey::new(key).expect("a key"))
        .collect();
    let srs = Srs::development().expect("made");
    let verify = |chain: &Chain, srs: &Srs| {
        let key = |digest: &[u8; 32]| keys.iter().find(|key| key.digest() == digest);
        verify_chain(chain, key, srs, &Alone)
    };
    let report = verify(&honest, &srs).expect("holds");
    assert_eq!((report.proofs, report.links), (5, 8));
    let refused = |change: &dyn Fn(&mut Chain)| -> ChainError {
        let mut chain = honest.clone();
        change(&mut chain);
        verify(&chain, &srs).expect_err("a chain that does not hold")
    };
    let plan = honest.initializations[0]
        .bundle
        .plan
        .digest()
        .expect("valid");
    for error in [
        refused(&|chain| chain.initializations.swap(0, 1)),
        refused(&|chain| drop(chain.initializations.remove(0))),
    ] {
        assert_eq!(error.step, Step::Initialization(0));
        assert_eq!(error.source, StepError::MissingPlan { plan });
    }
    let relayouts = |chain: &mut Chain, change: &dyn Fn(&mut Vec<_>)| {
        if let Origin::Initial(relayouts) = &mut chain.versions[1].origin {
            change(relayouts);
        }
    };
    let error = refused(&|chain| relayouts(chain, &|all| all.swap(0, 1)));
    assert_eq!(error.source, StepError::RelayoutOrder);
    // The first version's relayout does not pass for the second's.
    let error = refused(&|chain| {
        let first = chain.versions[0].origin.clone();
        chain.versions[1].origin = first;
    });
    assert_eq!(error.step, Step::Version("second".into()));
    // (The seed follows from the first plan, that from its date: calibration may give other tables.)
    assert!(matches!(
        error.source,
        StepError::MissingLink { .. } | StepError::Differs { .. } | StepError::UsedLink { .. }
    ));
    // Left out, its links are of no step.
    let error = refused(&|chain| relayouts(chain, &|all| drop(all.remove(0))));
    assert!(matches!(error.source, StepError::ExtraLinks { .. }));
    let files: Vec<&str> = FILES
        .iter()
        .copied()
        .filter(|file| *file != "r21")
        .collect();
    // And what is inherited needs its relayout: else nothing says what these numbers are.
    let refused = chain_to(folder, &files, "less").failure(1, "refused");
    assert!(refused.contains("weights 'second'"), "{refused}");
    // An initialization that nothing comes from.
    let used = ["r22", "second.c", "second", "r21"];
    let files: Vec<&str> = FILES
        .iter()
        .copied()
        .filter(|file| !used.contains(file))
        .collect();
    let refused = chain_to(folder, &files, "unused").failure(1, "refused");
    assert!(refused.contains("initialization 2"), "{refused}");
    let files: Vec<&str> = FILES
        .iter()
        .copied()
        .filter(|file| *file != "tiles1")
        .collect();
    let refused = chain_to(folder, &files, "none").failure(2, "usage");
    assert!(refused.contains("earlier plan's proof bundle"), "{refused}");
}

fn chain_to(folder: &Folder, files: &[&str], out: &str) -> Run {
    run(folder, &["chain"], &[files, &["--out", out]].concat())
}

/// A plan that claims to inherit what the earlier plan does not have.
#[test]
fn a_false_inheritance_is_refused() {
    let folder = world();
    let mut plan = Plan::decode(&fs::read(folder.path("plan2")).expect("read")).expect("a plan");
    let tensors = plan.model.tensors.iter_mut();
    for tensor in tensors.filter(|of| matches!(of.fill, Fill::Inherited { .. })) {
        tensor.dims = vec![tensor.dims.iter().product()];
    }
    folder.write("plan3", &plan.encode().expect("valid"));
    let made = folder.json(&["inspect", "r22"]).exits(0).json();
    prove_tiles(folder, "3", LATER, &made["details"]["k"].to_string());
    // With the second plan's tiles exchanged for the false plan's.
    let mut chain = read_chain(folder);
    let read = |name: &str| fs::read(folder.path(name)).expect("read");
    chain.initializations[1].bundle = Format::decode(&read("tiles3")).expect("a bundle");
    chain.initializations[1].deviates = Format::decode(&read("deviates3")).expect("a commitment");
    folder.write("false", &chain.encode().expect("valid"));
    let refused = run(folder, &["verify", "false", "--development-srs"], &[]);
    let refused = refused.failure(1, "refused");
    let expected = SpecError::NotInherited { tensor: 0 }.to_string();
    assert!(refused.contains("initialization 2"), "{refused}");
    assert!(refused.contains(&expected), "{refused}");
}
