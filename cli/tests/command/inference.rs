//! From an ONNX file to a verified answer, and what is refused.

use crate::support::Folder;
use std::fs;

/// An ONNX file with weights, and samples for it.
fn example(name: &str) -> String {
    format!(
        "{}/../examples/inference/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

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
        assert!(text.starts_with("nascent salt v1"));
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            let mode = fs::metadata(&salt).expect("there").permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }
    let text = folder.run(&arguments).exits(0);
    assert!(text.stdout.contains("behind the digest"), "{}", text.stdout);
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
