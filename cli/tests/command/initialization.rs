//! What goes well.

use crate::support::{BEACON, Folder, RULES, example, key_name, world};
use nascent_verifier::codec::Format;
use nascent_verifier::{Fill, InitBundle};
use serde_json::Value;

#[track_caller]
fn is_digest(value: &Value) {
    assert_eq!(value.as_str().map(str::len), Some(64), "{value}");
}

#[test]
fn each_step_reports_its_result() {
    let world = world();
    is_digest(&world.secret["publisher_key"]);
    assert_eq!(world.secret["encrypted"], false);

    let plan = &world.plan["plan"];
    assert_eq!(world.plan["command"], "plan");
    for digest in [
        &plan["digest"],
        &plan["model"]["digest"],
        &plan["model"]["rules_digest"],
    ] {
        is_digest(digest);
    }
    assert_eq!(plan["publisher_key"], world.secret["publisher_key"]);
    assert_eq!(plan["seed"], "hidden");
    assert_eq!(plan["model"]["sampled_weights"], 10_000);
    assert_eq!(plan["model"]["constant_weights"], 100);
    assert_eq!(world.plan["tensors"][0]["name"], "fc.weight");
    assert_eq!(world.plan["tensors"][0]["fan_in"], 100);

    assert_eq!(world.init["weights"]["elements"], 10_100);
    assert_eq!(world.init["plan"], *plan);

    let prove = &world.prove;
    assert_eq!(prove["development_srs"], true);
    assert_eq!(prove["proofs"], 2);
    assert_eq!(prove["proved"], 2);
    assert_eq!(prove["predicted"]["tiles"], 2);
    assert_eq!(prove["predicted"]["proof_bytes"], prove["proof_bytes"]);
    is_digest(&prove["weight_commitments"]);
    // Fitted to this machine, and beside what it took.
    for number in [
        &prove["predicted"]["seconds"],
        &prove["predicted"]["factor"],
        &prove["predicted"]["memory_bytes"],
        &prove["seconds"],
    ] {
        assert!(number.as_f64().is_some_and(|number| number > 0.0));
    }
}

#[test]
fn a_plan_says_what_it_keeps_and_warns_of_small_limbs() {
    let world = world();
    let folder = Folder::new();
    let (model, rules) = (world.file("tiny.toml"), world.file("rules.toml"));
    let more = ["--public-seed", "--beacon", "x", "--force", "-o", "p"];
    let with_rules = ["plan", &model, "--rules", &rules];
    let run = folder.run(&[&with_rules[..], &more].concat()).exits(0);
    assert!(
        run.stderr.contains("limbs of 8 bits are for tests"),
        "{}",
        run.stderr
    );
    assert!(run.stdout.contains("0 kept"), "{}", run.stdout);
    let run = folder
        .run(&[&["plan", &model][..], &more].concat())
        .exits(0);
    assert!(!run.stderr.contains("for tests"), "{}", run.stderr);

    let models = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/models");
    let gpt2 = format!("{models}/gpt2.onnx");
    let plan = [&["plan", gpt2.as_str()][..], &more].concat();
    let json = folder.json(&plan).exits(0).json();
    let kept = json["kept_floats"].as_u64().expect("a number");
    assert!(kept > 0);
    assert_eq!(json["row_distances"].as_array().map(Vec::len), Some(1));
    let run = folder.run(&plan).exits(0);
    let line = run.stdout.lines().find(|line| line.starts_with("kept "));
    let line = line.expect("a line of what is kept");
    let digits: String = line.chars().filter(char::is_ascii_digit).collect();
    assert_eq!(digits, kept.to_string(), "{line}");
}

/// A model that keeps all its matrices but one bias, and one whose samples are a constant.
#[test]
fn values_that_the_publisher_chose_are_counted_and_shown() {
    let folder = Folder::new();
    let model = example("lenet5-average.onnx");
    let plan = |rules: &str| {
        folder.write("rules.toml", format!("{RULES}{rules}").as_bytes());
        let plan = ["plan", &model, "--rules", "rules.toml", "--public-seed"];
        folder.json(&[&plan[..], &["--beacon", "x", "-o", "p", "--force"]].concat())
    };
    let json = plan(KEEP).exits(0).json();
    let values = &json["plan"]["model"]["values"];
    let all = json["plan"]["model"]["fills"].as_array().expect("a list");
    assert_eq!(values["sampled"], 6);
    assert_eq!(values["kept_floats"], 61_700);
    assert_eq!(all[0]["fill"], "kept");
    let prove = ["prove", "p", "--beacon-value", BEACON, "--k", "8"];
    let prove = [&prove[..], &["--development-srs", "--out", "b"]].concat();
    folder.json(&prove).exits(0);
    let verify = ["verify", "b", "--development-srs"];
    let json = folder.json(&verify).exits(6).json();
    assert_eq!(json["values"], *values);
    assert_eq!(
        (&json["sampled_weights"], &json["kept_floats"]),
        (&6.into(), &61_700.into())
    );
    let mut open = json["not_proved"].as_array().expect("a list").iter();
    assert!(open.any(|item| item["name"] == "Kept"));
    for (command, code) in [
        (&verify[..], 6),
        (&["inspect", "b"], 0),
        (&["inspect", "p"], 0),
    ] {
        let words = folder.run(command).exits(code).stdout;
        assert!(words.contains("6 of 61,7"), "{words}");
        assert!(words.contains("(61,700 floats)"), "{words}");
        let mut lines = words.lines();
        let largest = lines.find(|line| line.trim_start().starts_with("kept "));
        let largest = largest.expect("a row");
        assert!(
            largest.contains("floats of the model file's own"),
            "{words}"
        );
        assert!(words.contains("normal, mean 0.000000, std "), "{words}");
    }
    // A list of kept tensors that says less is another model's than the proofs'.
    let bundle = InitBundle::decode(&std::fs::read(folder.path("b")).expect("read"));
    let mut bundle = bundle.expect("a bundle");
    bundle.plan.model.kept.clear();
    folder.write("b", &bundle.encode().expect("valid"));
    folder.json(&verify).failure(1, "refused");

    // Every weight 0.7: a constant, and counted as one.
    let json = plan(GONE).exits(0).json();
    let values = &json["plan"]["model"]["values"];
    assert!(values["constant"].as_u64() > Some(50_000), "{values}");
    let words = json["tensors"].to_string();
    assert!(words.contains("its spread vanishes in f32"), "{words}");
    // All but a few in a thousand; values that are infinite.
    let failure = plan(&GONE.replace("1e-30", "1e-8")).failure(3, "input");
    assert!(failure.contains("spread is lost"), "{failure}");
    let failure = plan(&GONE.replace("1e-30", "3e38")).failure(3, "input");
    assert!(failure.contains("beyond the largest f32"), "{failure}");
    // The same in a bundle that no `plan` wrote is no bundle.
    let mut bundle = world().bundle();
    for tensor in &mut bundle.plan.model.tensors {
        if let Fill::Sampled { mean_bits, .. } = &mut tensor.fill {
            *mean_bits = 1e30_f32.to_bits();
        }
    }
    let error = bundle.encode().expect_err("no spread");
    assert!(error.to_string().contains("its spread is lost"), "{error}");
}

const KEEP: &str = r#"
[[rule]]
name = "conv1.bias"
init = "normal"
std = 0.1
[[rule]]
name = "*"
init = "keep"
"#;

const GONE: &str = r#"
[[rule]]
role = "linear"
init = "normal"
mean = 0.7
std = 1e-30
"#;

#[test]
fn verify_says_what_was_proved_and_what_not() {
    let world = world();
    let run = world
        .folder
        .json(&["verify", "bundle", "--development-srs"])
        .exits(6);
    let json = run.json();
    assert_eq!(json["command"], "verify");
    assert_eq!(json["plan_digest"], world.plan["plan"]["digest"]);
    assert_eq!(
        json["weight_commitments"],
        world.prove["weight_commitments"]
    );
    assert_eq!(json["keys"][0]["origin"], "made-here");
    let open = json["not_proved"].as_array().expect("a list");
    let names: Vec<&str> = open
        .iter()
        .filter_map(|item| item["name"].as_str())
        .collect();
    assert!(
        names.contains(&"DevelopmentSrs") && names.contains(&"ModelFile"),
        "{names:?}"
    );
    assert!(
        !names.contains(&"KeyOrigin"),
        "the key was made here: {names:?}"
    );

    let words = world
        .folder
        .run(&["verify", "bundle", "--development-srs"])
        .exits(6);
    assert!(words.stdout.contains("Not proved"), "{}", words.stdout);
    assert!(words.stdout.contains("no evidence"), "{}", words.stdout);
    assert!(words.stderr.contains("DEVELOPMENT SRS"), "{}", words.stderr);
}

#[test]
fn what_is_compared_is_no_longer_open() {
    let world = world();
    let arguments = [
        "verify",
        "bundle",
        "--development-srs",
        "--rederive-key",
        "--plan",
        "plan",
    ];
    let more = [
        "--beacon-value",
        BEACON,
        "--model",
        "tiny.toml",
        "--rules",
        "rules.toml",
    ];
    let json = world
        .folder
        .json(&[&arguments[..], &more].concat())
        .exits(0)
        .json();
    assert_eq!(json["keys"][0]["origin"], "rederived");
    let open = json["not_proved"].to_string();
    for closed in ["KeyOrigin", "ModelFile", "BeaconOrigin"] {
        assert!(!open.contains(closed), "{open}");
    }
    assert!(
        open.contains("PlanTime") && open.contains("Training"),
        "{open}"
    );
    // A bundle is what is held against the plan, and no plan itself.
    let itself = ["verify", "bundle", "--development-srs", "--plan", "bundle"];
    let refused = world.folder.json(&itself).failure(3, "input");
    assert!(refused.contains("not a valid plan"), "{refused}");
}

#[test]
fn a_key_from_beside_the_bundle_is_marked() {
    let world = world();
    let elsewhere = Folder::new();
    elsewhere.write("bundle", &world.bytes("bundle"));
    let name = key_name(&world.bundle().streams[0].vk_digest);
    let cache = elsewhere.path("cache");
    let arguments = ["verify", "bundle", "--development-srs", "--json"];
    let failure = elsewhere
        .run_with(&cache, &arguments)
        .failure(4, "environment");
    assert!(failure.contains("--rederive-key"), "{failure}");
    elsewhere.write(&name, &world.bytes(&name));
    let json = elsewhere.run_with(&cache, &arguments).exits(6).json();
    assert_eq!(json["keys"][0]["origin"], "beside-bundle");
    assert!(json["not_proved"].to_string().contains("KeyOrigin"));
}

#[test]
fn audit_accepts_the_weights_and_no_others() {
    let world = world();
    let secret = world.file("secret");
    let audit = [
        "audit",
        "plan",
        "weights",
        "--beacon-value",
        BEACON,
        "--secret",
        &secret,
    ];
    let json = world.folder.json(&audit).exits(0).json();
    assert_eq!(json["mismatches"], 0);
    assert_eq!(json["elements"], 10_100);
    // A bundle holds plan and beacon value.
    let audit = ["audit", "bundle", "weights", "--secret", &secret];
    world.folder.json(&audit).exits(0);

    let mut bytes = world.bytes("weights");
    *bytes.last_mut().expect("not empty") ^= 1;
    let folder = Folder::new();
    folder.write("changed", &bytes);
    let bundle = world.file("bundle");
    let json = folder
        .json(&["audit", &bundle, "changed", "--secret", &secret])
        .exits(1)
        .json();
    assert_eq!(json["mismatches"], 1);
}

#[test]
fn a_public_seed_needs_no_secret() {
    let folder = Folder::new();
    let json = folder.plan_in_public(&[]).exits(0).json();
    assert_eq!(json["plan"]["seed"], "public");
    folder
        .json(&["init", "p", "--beacon-value", BEACON, "--weights", "w"])
        .exits(0);
    folder
        .json(&["audit", "p", "w", "--beacon-value", BEACON])
        .exits(0);
    let prove = [
        "prove",
        "p",
        "--beacon-value",
        BEACON,
        "-o",
        "b",
        "--k",
        "8",
    ];
    folder
        .json(&[&prove[..], &["--development-srs"]].concat())
        .exits(0);
    let json = folder
        .json(&["verify", "b", "--development-srs", "--beacon-value", BEACON])
        .exits(0)
        .json();
    assert_eq!(json["seed"], "public");
}

#[test]
fn a_run_goes_on_where_it_was_stopped() {
    let folder = Folder::new();
    let prove = |beacon_value| {
        let more = ["--k", "8", "-o", "b", "--job", "job", "--force"];
        folder.prove_planned(beacon_value, &more)
    };
    let json = prove(BEACON).exits(0).json();
    assert_eq!(
        (&json["proved"], &json["resumed"]),
        (&Value::from(2), &Value::from(0))
    );
    let json = prove(BEACON).exits(0).json();
    assert_eq!(
        (&json["proved"], &json["resumed"]),
        (&Value::from(0), &Value::from(2))
    );
    // A directory of another job is not touched.
    let failure = prove("ff").failure(4, "environment");
    assert!(failure.contains("--job"), "{failure}");
}

#[test]
fn an_estimate_writes_nothing() {
    let folder = Folder::new();
    let estimate = folder.prove_planned("ee", &["--estimate"]);
    let json = estimate.exits(0).json();
    assert!(
        json["predicted"]["seconds"]
            .as_f64()
            .is_some_and(|seconds| seconds > 0.0)
    );
    assert!(folder.names().is_empty());
}
