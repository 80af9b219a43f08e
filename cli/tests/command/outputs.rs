//! Files of one call: none takes the place of another, a stop between two results is no dead end, and
//! what cannot be written is found before the work.

use crate::support::{BEACON, Folder, example, world};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

const DEVELOPMENT: &str = "--development-srs";

/// A folder with a compiled model.
fn compiled() -> (Folder, String) {
    let folder = Folder::new();
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    folder.json(&compile).exits(0);
    (folder, samples)
}

fn mode(folder: &Folder, name: &str) -> u32 {
    let metadata = fs::metadata(folder.path(name)).expect("there");
    metadata.permissions().mode() & 0o777
}

#[test]
fn no_result_takes_the_place_of_another_file_of_the_call() {
    let world = world();
    let (plan, secret) = (world.file("plan"), world.file("secret"));
    let (folder, samples) = compiled();
    fs::create_dir(folder.path("d")).expect("made");
    symlink("d", folder.path("e")).expect("linked");
    symlink("later", folder.path("dangling")).expect("linked");
    let value = ["--beacon-value", BEACON, "--secret", &secret];
    let prove = ["prove", &plan, DEVELOPMENT, "--k", "8"];
    let prove = [&prove[..], &value].concat();
    let init = [&["init", &plan], &value[..]].concat();
    let commit = ["commit", "model", DEVELOPMENT];
    let infer = [
        "prove",
        "inference",
        "model",
        "--input",
        &samples,
        DEVELOPMENT,
    ];
    let onnx = example("mlp-128.onnx");
    let runs: Vec<Vec<&str>> = vec![
        [&commit[..], &["--opening", "o", "--out", "o"]].concat(),
        [&commit[..], &["--opening", "d/o", "--out", "e/o"]].concat(),
        [&commit[..], &["--opening", "later", "--out", "dangling"]].concat(),
        [&commit[..], &["--opening", "d/../o", "--out", "./o"]].concat(),
        [
            &prove[..],
            &["--out", "x", "--commit", "x", "--opening", "o"],
        ]
        .concat(),
        [
            &prove[..],
            &["--out", "x", "--commit", "y", "--opening", "x.links"],
        ]
        .concat(),
        [
            &init[..],
            &["--weights", "y", "--model", &onnx, "--onnx", "d/../y"],
        ]
        .concat(),
        [&init[..], &["--weights", &plan, "--force"]].concat(),
        ["chain", &plan, "--out", "c", "--picture", "c"].to_vec(),
        ["chain", "c", "--out", "c", "--force"].to_vec(),
        [
            &infer[..],
            &["--hide-input", "--out", "model/model.params", "--force"],
        ]
        .concat(),
        ["keygen", "--out", "k", "--passphrase-file", "k"].to_vec(),
        [
            "plan",
            &onnx,
            "--public-seed",
            "--beacon",
            "x",
            "--out",
            &onnx,
            "--force",
        ]
        .to_vec(),
    ];
    let before = folder.names();
    let model = fs::read(&onnx).expect("read");
    for run in runs {
        let failure = folder.json(&run).failure(2, "usage");
        assert!(failure.contains("the same file"), "{run:?}: {failure}");
        assert_eq!(folder.names(), before, "after {run:?}");
    }
    assert_eq!(fs::read(&onnx).expect("read"), model);
}

#[test]
fn a_secret_is_never_replaced() {
    let (folder, _) = compiled();
    let world = world();
    let commit = [
        "commit",
        "model",
        DEVELOPMENT,
        "--opening",
        "o",
        "--out",
        "c",
    ];
    folder.json(&commit).exits(0);
    fs::copy(world.file("secret"), folder.path("s")).expect("copied");
    fs::hard_link(folder.path("o"), folder.path("hard")).expect("linked");
    let secrets = ["o", "s", "hard"];
    for name in secrets {
        let before = fs::read(folder.path(name)).expect("read");
        let (plan, rest) = (world.file("plan"), ["--force", "--beacon-value", BEACON]);
        let secret = world.file("secret");
        let init = ["init", &plan, "--weights", name, "--secret", &secret];
        let failure = folder
            .json(&[&init[..], &rest].concat())
            .failure(2, "usage");
        assert!(failure.contains("secret"), "{failure}");
        assert_eq!(fs::read(folder.path(name)).expect("read"), before);
    }
    // A commitment over the opening of another.
    let again = [
        "commit",
        "model",
        DEVELOPMENT,
        "--opening",
        "o2",
        "--out",
        "o",
        "--force",
    ];
    folder.json(&again).failure(2, "usage");
    assert!(!folder.path("o2").exists());
    // What is no file is not replaced by one.
    let devices = [
        "commit",
        "model",
        DEVELOPMENT,
        "--opening",
        "o",
        "--out",
        "/dev/null",
        "--force",
    ];
    let failure = folder.json(&devices).failure(4, "environment");
    assert!(failure.contains("device"), "{failure}");
}

#[test]
fn an_answer_goes_on_after_its_salt() {
    let (folder, samples) = compiled();
    let prove = [
        "prove",
        "inference",
        "model",
        "--input",
        &samples,
        "--hide-input",
    ];
    let prove = [&prove[..], &[DEVELOPMENT, "--out", "answer"]].concat();
    folder.json(&prove).exits(0);
    let salt = fs::read(folder.path("answer.input-salt")).expect("read");
    // As a kill between salt and proof leaves it.
    fs::remove_file(folder.path("answer")).expect("removed");
    folder.write(".nascent-4294967295-x.tmp", b"half");
    folder.json(&prove).exits(0);
    assert_eq!(
        fs::read(folder.path("answer.input-salt")).expect("read"),
        salt
    );
    assert!(!folder.names().iter().any(|name| name.ends_with(".tmp")));
    let verify = [
        "verify",
        "answer",
        DEVELOPMENT,
        "--architecture",
        "model/model.graph",
    ];
    folder.json(&verify).exits(0);
    // All is there: that is no stop.
    folder.json(&prove).failure(4, "environment");
    folder.json(&[&prove[..], &["--force"]].concat()).exits(0);
    assert_eq!(
        fs::read(folder.path("answer.input-salt")).expect("read"),
        salt
    );
    // Another input is not hidden by the same salt.
    let zeros = format!("[{}]", vec!["0.0"; 784].join(","));
    folder.write("zeros.json", zeros.as_bytes());
    let other = [
        "prove",
        "inference",
        "model",
        "--input",
        "zeros.json",
        "--hide-input",
    ];
    let other = [&other[..], &[DEVELOPMENT, "--out", "answer", "--force"]].concat();
    let failure = folder.json(&other).failure(4, "environment");
    assert!(
        failure.contains("salt") && failure.contains("another name"),
        "{failure}"
    );
    assert_eq!(
        fs::read(folder.path("answer.input-salt")).expect("read"),
        salt
    );
}

#[test]
fn a_stop_between_two_results_is_no_dead_end() {
    let (folder, samples) = compiled();
    let (onnx, world) = (example("mlp-128.onnx"), world());
    // Compilation.
    let compile = ["compile", &onnx, "--samples", &samples, "--out", "model"];
    let params = fs::read(folder.path("model/model.params")).expect("read");
    fs::remove_file(folder.path("model/model.graph")).expect("removed");
    folder.json(&compile).exits(0);
    folder.json(&compile).failure(4, "environment");
    fs::remove_file(folder.path("model/model.graph")).expect("removed");
    folder.write("model/model.params", b"precious");
    folder.json(&compile).failure(4, "environment");
    assert_eq!(
        fs::read(folder.path("model/model.params")).expect("read"),
        b"precious"
    );
    folder.write("model/model.params", &params);
    folder.json(&compile).exits(0);
    // A checkpoint that is compiled and committed to.
    let commit = [
        "commit",
        &onnx,
        "--folder",
        "model",
        "--samples",
        &samples,
        DEVELOPMENT,
    ];
    let commit = [&commit[..], &["--opening", "o", "--out", "c"]].concat();
    folder.json(&commit).exits(0);
    folder.json(&commit).failure(4, "environment");
    // Proofs with a commitment.
    let (plan, secret) = (world.file("plan"), world.file("secret"));
    let prove = [
        "prove",
        &plan,
        "--secret",
        &secret,
        "--beacon-value",
        BEACON,
        "--k",
        "8",
    ];
    let more = [
        DEVELOPMENT,
        "--job",
        "job",
        "--opening",
        "o",
        "--out",
        "x",
        "--commit",
        "y",
    ];
    let prove = [&prove[..], &more].concat();
    folder.json(&prove).exits(0);
    fs::remove_file(folder.path("y")).expect("removed");
    folder.json(&prove).exits(0);
    let verify = ["verify", "x", DEVELOPMENT, "--commitment", "y"];
    let verify = [&verify[..], &["--beacon-value", BEACON]].concat();
    folder.json(&verify).exits(0);
    // Weights in two files.
    folder.write("planned.onnx", &fs::read(&onnx).expect("read"));
    let planned = [
        "plan",
        "planned.onnx",
        "--public-seed",
        "--beacon",
        "x",
        "--out",
        "p",
    ];
    folder.json(&planned).exits(0);
    let init = ["init", "p", "--beacon-value", BEACON, "--weights", "w"];
    let init = [&init[..], &["--model", "planned.onnx", "--onnx", "i"]].concat();
    folder.json(&init).exits(0);
    fs::remove_file(folder.path("i")).expect("removed");
    folder.json(&init).exits(0);
    fs::remove_file(folder.path("i")).expect("removed");
    folder.write("w", b"precious");
    folder.json(&init).failure(4, "environment");
    assert!(!folder.path("i").exists());
    assert_eq!(fs::read(folder.path("w")).expect("read"), b"precious");
}

#[test]
fn what_cannot_be_written_is_found_before_the_work() {
    let (folder, samples) = compiled();
    let world = world();
    // Nobody can make a file there, root neither.
    let (plan, secret) = (world.file("plan"), world.file("secret"));
    let prove = [
        "prove",
        &plan,
        "--secret",
        &secret,
        "--beacon-value",
        BEACON,
        "--k",
        "8",
    ];
    let prove = [
        &prove[..],
        &[DEVELOPMENT, "--job", "job", "--out", "/proc/x"],
    ]
    .concat();
    let infer = ["prove", "inference", "model", "--input", &samples];
    let infer = [&infer[..], &[DEVELOPMENT, "--out", "/proc/x"]].concat();
    for run in [prove, infer] {
        let failure = folder.json(&run).failure(4, "environment");
        assert!(failure.contains("before the work"), "{failure}");
    }
    assert!(!folder.path("job").exists());
}

#[test]
fn weights_of_a_hidden_seed_are_their_owners_alone() {
    let world = world();
    assert_eq!(mode(&world.folder, "weights"), 0o600);
    let folder = Folder::new();
    folder.plan_in_public(&[]).exits(0);
    let init = ["init", "p", "--beacon-value", BEACON, "--weights", "w"];
    folder.json(&init).exits(0);
    assert_ne!(mode(&folder, "w") & 0o044, 0, "a public seed hides nothing");
    // A private model's parameters are private, the others are not.
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    fs::copy(&model, folder.path("m.onnx")).expect("copied");
    let private = fs::Permissions::from_mode(0o600);
    fs::set_permissions(folder.path("m.onnx"), private).expect("chmod");
    for (model, out, private) in [("m.onnx", "one", true), (&model, "two", false)] {
        let compile = ["compile", model, "--samples", &samples, "--out", out];
        folder.json(&compile).exits(0);
        let params = mode(&folder, &format!("{out}/model.params"));
        assert_eq!(params == 0o600, private, "{params:o}");
    }
}

#[test]
fn an_audit_refuses_the_stamp_of_another_plan() {
    let world = world();
    let folder = Folder::new();
    let (plan, secret) = (world.file("plan"), world.file("secret"));
    let bytes = world.bytes("weights");
    let digest = world.plan["plan"]["digest"].as_str().expect("a digest");
    let model = world.plan["plan"]["model"]["digest"]
        .as_str()
        .expect("a digest");
    let audit = [
        "audit",
        &plan,
        "w",
        "--secret",
        &secret,
        "--beacon-value",
        BEACON,
    ];
    folder.write("w", &bytes);
    folder.json(&audit).exits(0);
    for stamp in [digest, model] {
        let at = bytes.windows(64).position(|it| it == stamp.as_bytes());
        let at = at.expect("stamped");
        let mut changed = bytes.clone();
        changed[at] = if changed[at] == b'0' { b'1' } else { b'0' };
        folder.write("w", &changed);
        let json = folder.json(&audit).exits(1).json();
        assert_eq!(json["foreign_stamps"].as_array().map(Vec::len), Some(1));
        assert_eq!(json["mismatches"], 0);
        let words = folder.run(&audit).exits(1);
        assert!(!words.stdout.contains("MATCH"), "{}", words.stdout);
    }
}
