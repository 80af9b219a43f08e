//! From an ONNX file to a verified answer, and what is refused.

use crate::support::{Folder, example};
use nascent_compiler::infer::samples;
use nascent_verifier::InferenceBundle;
use nascent_verifier::codec::Format;
use std::fs;

/// A folder with a compiled model and a proved answer.
fn answered(hide: &[&str]) -> Folder {
    let folder = Folder::new();
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    let compiled = folder.json(&compile).exits(0).json();
    assert!(compiled["predicted_proof_bytes"].as_u64() < Some(16 << 10));
    folder.json(&compile).failure(4, "environment");
    let prove = ["prove", "inference", "model", "--input", &samples];
    let out = ["--out", "answer", "--development-srs"];
    let prove = [&prove[..], &out, hide].concat();
    let made = folder.json(&prove).exits(0).json();
    let run = ["run", "model", "--input", &samples];
    let run = folder.json(&run).exits(0).json();
    assert_eq!(made["outputs"], run["outputs"]);
    folder
}

#[test]
fn an_answer_is_proved_and_a_false_one_refused() {
    let folder = answered(&[]);
    let verify = |file: &str| {
        let arguments = ["verify", file, "--architecture", "model/model.graph"];
        folder.json(&[&arguments[..], &["--development-srs"]].concat())
    };
    let verified = verify("answer").exits(0).json();
    assert_eq!(verified["key_rederived"], true);
    // The key beside the file serves too, and is told apart.
    let beside = folder.json(&["verify", "answer", "--development-srs"]);
    assert_eq!(beside.exits(0).json()["key_rederived"], false);
    folder.json(&["verify", "answer"]).failure(1, "refused");
    folder.json(&["inspect", "answer"]).exits(0);
    folder.json(&["inspect", "model/model.graph"]).exits(0);

    let bytes = fs::read(folder.path("answer")).expect("read");
    let proof = verified["proof_bytes"].as_u64().expect("a number") as usize;
    // The last output stands before two bytes that say that nothing is hidden, the length of the
    // proof and the proof.
    for at in [
        bytes.len() - 1,
        bytes.len() - proof / 2,
        bytes.len() - proof - 5,
    ] {
        let mut changed = bytes.clone();
        changed[at] ^= 2;
        folder.write("false", &changed);
        let code = verify("false").code;
        assert!(code == 1 || code == 3, "byte {at}: {code}");
    }
    folder.write("short", &bytes[..bytes.len() - 1]);
    verify("short").failure(3, "input");
}

#[test]
fn hidden_values_are_behind_digests() {
    let folder = answered(&["--hide-input", "--hide-output"]);
    let arguments = ["verify", "answer", "--architecture", "model/model.graph"];
    let arguments = [&arguments[..], &["--development-srs"]].concat();
    let verified = folder.json(&arguments).exits(0).json();
    assert_eq!(verified["key_rederived"], true);
    for name in ["input", "output"] {
        let digest = verified[format!("hidden_{name}")]
            .as_str()
            .expect("a digest");
        assert_eq!(digest.len(), 64);
        assert_eq!(verified[format!("{name}s")], serde_json::json!([]));
        let salt = folder.path(&format!("answer.{name}-salt"));
        let text = fs::read_to_string(&salt).expect("a salt");
        assert!(text.starts_with("nascent salt v2"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&salt).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    let text = folder.run(&arguments).exits(0);
    assert!(text.stdout.contains("behind the digest"), "{}", text.stdout);
    // Another number of values in as many blocks; who has no architecture has the key's word.
    let bytes = fs::read(folder.path("answer")).expect("read");
    let honest = InferenceBundle::decode(&bytes).expect("a bundle");
    let alone = ["verify", "answer", "--development-srs", "--accept-keys"];
    folder.json(&alone).exits(0);
    for output in [false, true] {
        let mut other = honest.clone();
        let hidden = match output {
            false => &mut other.hidden_inputs,
            true => &mut other.hidden_outputs,
        };
        let hidden = hidden.as_mut().expect("hidden");
        let blocks = hidden.count.div_ceil(15);
        hidden.count += 1;
        assert_eq!(hidden.count.div_ceil(15), blocks);
        folder.write("answer", &other.encode().expect("encoded"));
        folder.json(&alone).failure(1, "refused");
    }
}

/// All samples of a file at once, as arrays: each is what it is alone.
#[test]
fn a_whole_file_is_run_at_once() {
    let folder = Folder::new();
    let (model, samples) = (
        example("digits-mlp.onnx"),
        example("digits-mlp.samples.npz"),
    );
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    folder.json(&compile).exits(0);
    let run = |more: &[&str]| {
        let run = [&["run", "model", "--input", &samples], more].concat();
        folder.json(&run)
    };
    let one = run(&[]).exits(0).json();
    let all = run(&["--all"]).exits(0).json();
    let inputs = all["inputs"].as_u64().expect("a number") as usize;
    assert!(inputs > 1);
    run(&["--all", "--out", "all.npz"]).exits(0);
    let path = folder.path("all.npz");
    let arrays = samples::open(&[&path]).expect("an archive").arrays;
    assert_eq!(arrays.len(), 2);
    for (at, array) in arrays.iter().enumerate() {
        let all = &all["outputs"][at];
        assert_eq!(array.name.as_deref(), all["name"].as_str());
        assert_eq!(serde_json::json!(array.tensor.shape()), all["shape"]);
        assert_eq!(array.tensor.shape()[0], inputs);
        let one = one["outputs"][at]["integers"].as_array().expect("a list");
        let all = all["integers"].as_array().expect("a list");
        assert_eq!(all[..one.len()], one[..]);
        assert_eq!(all.len(), inputs * one.len());
    }
    // Labels are integers, scores are real; a label is where the greatest score stands.
    let label = arrays.iter().find_map(|array| array.tensor.ints());
    let scores = arrays.iter().find_map(|array| array.tensor.floats());
    let (label, scores) = (label.expect("labels"), scores.expect("scores"));
    for (&label, scores) in label.iter().zip(scores.chunks(10)) {
        let most = scores.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        assert_eq!(scores.iter().position(|&v| v == most), Some(label as usize));
    }
    run(&["--all", "--out", "all.npz"]).failure(4, "environment");
    run(&["--all", "--out", "all.npz", "--force"]).exits(0);
    // Two outputs do not fit one array.
    run(&["--out", "one.npy"]).failure(2, "usage");
    folder.write("few.json", b"[[1, 2, 3]]");
    let few = ["run", "model", "--input", "few.json", "--all"];
    folder.json(&few).failure(3, "input");
}

/// The index of the greatest score is proved, and no other one.
#[test]
fn a_label_is_proved() {
    let folder = Folder::new();
    let (model, samples) = (
        example("digits-mlp.onnx"),
        example("digits-mlp.samples.npz"),
    );
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    folder.json(&compile).exits(0);
    let prove = ["prove", "inference", "model", "--input", &samples];
    let prove = [&prove[..], &["--out", "answer", "--development-srs"]].concat();
    let made = folder.json(&prove).exits(0).json();
    let run = folder.json(&["run", "model", "--input", &samples]);
    assert_eq!(made["outputs"], run.exits(0).json()["outputs"]);
    let verify = |file: &str| {
        let arguments = ["verify", file, "--architecture", "model/model.graph"];
        folder.json(&[&arguments[..], &["--development-srs"]].concat())
    };
    let bytes = fs::read(folder.path("answer")).expect("read");
    verify("answer").exits(0);
    let mut bundle = InferenceBundle::decode(&bytes).expect("a bundle");
    // The label is the first output.
    for label in 0..10 {
        let honest = bundle.outputs[0] == label;
        let other = InferenceBundle {
            outputs: [&[label], &bundle.outputs[1..]].concat(),
            ..bundle.clone()
        };
        folder.write("other", &other.encode().expect("encoded"));
        assert_eq!(verify("other").code, i32::from(!honest), "{label}");
    }
    // The scores follow: the greatest is not another's.
    let label = bundle.outputs[0] as usize;
    bundle.outputs.swap(1 + label, 1 + (label + 1) % 10);
    folder.write("other", &bundle.encode().expect("encoded"));
    verify("other").failure(1, "refused");
}

#[test]
fn files_that_do_not_fit_are_errors() {
    let folder = Folder::new();
    folder.write("model.onnx", b"not a model");
    let compile = ["compile", "model.onnx", "--out", "model"];
    folder.json(&compile).failure(3, "input");
    assert!(!folder.path("model/model.graph").exists());
    let run = ["run", "model", "--input", "input.json"];
    folder.json(&run).failure(4, "environment");
}
