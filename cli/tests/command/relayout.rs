//! From a plan to weights that an inference uses, and the proof that they are the same.

use crate::support::{BEACON, Folder, RULES, example};
use nascent_verifier::codec::Format;
use nascent_verifier::{RelayoutBundle, RelayoutTile};
use std::fs;

/// A folder with a plan, its weights as ONNX and as safetensors, and the compiled model.
fn compiled() -> Folder {
    let folder = Folder::new();
    folder.write("rules.toml", RULES.as_bytes());
    let model = example("lenet5-average.onnx");
    let plan = ["plan", &model, "--rules", "rules.toml", "--public-seed"];
    let plan = [&plan[..], &["--beacon", "x", "--out", "plan"]].concat();
    folder.json(&plan).exits(0);
    let init = ["init", "plan", "--beacon-value", BEACON, "--weights", "w"];
    let init = [&init[..], &["--model", &model, "--onnx", "filled.onnx"]].concat();
    folder.json(&init).exits(0);
    let made = compile(&folder, &["filled.onnx", "--out", "m"]).exits(0);
    assert_eq!(made.json()["derived_weights"], 61_470);
    folder
}

fn compile(folder: &Folder, more: &[&str]) -> crate::support::Run {
    let samples = example("lenet5-average.samples.npz");
    let compile = ["compile", "--samples", &samples, "--plan", "plan"];
    folder.json(&[&compile[..], more].concat())
}

fn prove(folder: &Folder, more: &[&str]) -> crate::support::Run {
    let prove = ["prove", "relayout", "m", "--plan", "plan"];
    let prove = [&prove[..], &["--development-srs", "--out", "r"], more].concat();
    folder.json(&prove)
}

fn verify(folder: &Folder, more: &[&str]) -> crate::support::Run {
    let verify = ["verify", "r", "--development-srs"];
    folder.json(&[&verify[..], more].concat())
}

#[test]
fn derived_weights_are_compiled_and_tied_to_their_tiles() {
    let folder = compiled();
    // The weights of the safetensors file, put into the model here, give the same files.
    let model = example("lenet5-average.onnx");
    compile(&folder, &[&model, "--weights", "w", "--out", "n"]).exits(0);
    for name in ["model.graph", "model.params", "model.origins"] {
        let [a, b] = ["m", "n"].map(|f| fs::read(folder.path(f).join(name)).expect("read"));
        assert!(a == b, "{name}");
    }
    let made = prove(&folder, &["--beacon-value", BEACON]).exits(0).json();
    let bundle = RelayoutBundle::decode(&fs::read(folder.path("r")).expect("read"));
    let statement = bundle.expect("a relayout").statement;
    let first = RelayoutTile {
        stream: 0,
        index: 0,
        lanes: 31,
    };
    assert_eq!(statement.tiles[0], first);
    assert_eq!(made["k"], statement.k);

    let given = verify(&folder, &[]).exits(0).json();
    assert_eq!(given["key_rederived"], false);
    let files = [
        "--architecture",
        "m/model.graph",
        "--origins",
        "m/model.origins",
    ];
    let files = [&files[..], &["--plan", "plan"]].concat();
    let derived = verify(&folder, &files).exits(0).json();
    assert_eq!(derived["key_rederived"], true);
    assert_eq!(derived["vk_digest"], given["vk_digest"]);
    folder.json(&["verify", "r"]).failure(1, "refused");
    let inspected = folder.json(&["inspect", "r"]).exits(0).json();
    assert_eq!(inspected["kind"], "relayout");

    // Another beacon value, another plan, a weight that is another.
    let message = prove(&folder, &["--beacon-value", "00", "--force"]);
    let message = message.failure(3, "input");
    assert!(message.contains("is not the deviate"), "{message}");
    folder.write("other.toml", RULES.replace("= 5", "= 4").as_bytes());
    let other = ["plan", &model, "--rules", "other.toml", "--public-seed"];
    let other = [&other[..], &["--beacon", "x", "--out", "other"]].concat();
    folder.json(&other).exits(0);
    let elsewhere = ["--plan", "other", "--architecture", "m/model.graph"];
    let elsewhere = [&elsewhere[..], &["--origins", "m/model.origins"]].concat();
    let message = verify(&folder, &elsewhere).failure(1, "refused");
    assert!(message.contains("another model"), "{message}");
    let mut bytes = fs::read(folder.path("r")).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    folder.write("r", &bytes);
    verify(&folder, &[]).failure(1, "refused");
}

/// A checkpoint beside its model is what the same weights in the model are.
#[test]
fn checkpoints_are_compiled_from_safetensors() {
    let folder = compiled();
    let (model, samples) = (
        example("lenet5-average.onnx"),
        example("lenet5-average.samples.npz"),
    );
    let compile = |model: &str, more: &[&str]| {
        let compile = ["compile", model, "--samples", &samples];
        folder.json(&[&compile[..], more].concat())
    };
    compile(&model, &["--weights", "w", "--out", "a"]).exits(0);
    compile("filled.onnx", &["--out", "b"]).exits(0);
    let [a, b] = ["a", "b"].map(|f| fs::read(folder.path(f).join("model.params")).expect("read"));
    assert!(a == b);
    let other = example("mlp-128.onnx");
    let samples = example("mlp-128.samples.npz");
    let mismatch = ["compile", &other, "--samples", &samples, "--weights", "w"];
    folder
        .json(&[&mismatch[..], &["--out", "c"]].concat())
        .failure(3, "input");
}

#[test]
fn models_that_are_not_the_plans_are_refused() {
    let folder = Folder::new();
    folder.write("rules.toml", RULES.as_bytes());
    let model = example("lenet5-average.onnx");
    let plan = ["plan", &model, "--rules", "rules.toml", "--public-seed"];
    let plan = [&plan[..], &["--beacon", "x", "--out", "plan"]].concat();
    folder.json(&plan).exits(0);
    // Weights of another origin.
    let message = compile(&folder, &[&model, "--out", "m"]).failure(3, "input");
    assert!(message.contains("the plan"), "{message}");
    // Another architecture.
    let other = example("mlp-128.onnx");
    let message = compile(&folder, &[&other, "--out", "m"]).failure(3, "input");
    assert!(message.contains("another graph"), "{message}");
    // Random biases.
    folder.write("torch.toml", RULES.replace("he-normal", "torch").as_bytes());
    let torch = ["plan", &model, "--rules", "torch.toml", "--public-seed"];
    let torch = [&torch[..], &["--beacon", "x", "--out", "plan", "--force"]].concat();
    folder.json(&torch).exits(0);
    let init = ["init", "plan", "--beacon-value", BEACON, "--model", &model];
    folder
        .json(&[&init[..], &["--onnx", "filled.onnx"]].concat())
        .exits(0);
    let message = compile(&folder, &["filled.onnx", "--out", "m"]).failure(3, "input");
    assert!(message.contains("the plan samples it"), "{message}");
    // Bits are the plan's.
    let bits = ["filled.onnx", "--out", "m", "--weight-bits", "8"];
    compile(&folder, &bits).exits(2);
}
