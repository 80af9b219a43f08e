//! One commitment for many proofs: `commit`, `open`, and links in `prove` and `verify`.

use crate::support::{BEACON, Folder, Run, example};
use nascent_ir::Params;
use nascent_verifier::codec::Format;
use std::fs;

/// Runs a command under the development SRS.
fn run(folder: &Folder, arguments: &[&str]) -> Run {
    folder.json(&[arguments, &["--development-srs"]].concat())
}

fn commit(folder: &Folder, out: &str, opening: &str) -> Run {
    let commit = ["commit", "model", "--out", out, "--opening", opening];
    run(folder, &commit)
}

fn prove(folder: &Folder, out: &str, commitment: &str, opening: &str) -> Run {
    let input = example("mlp-128.samples.npz");
    let prove = ["prove", "inference", "model", "--input", &input];
    let to = ["--out", out, "--commitment", commitment];
    run(folder, &[&prove[..], &to, &["--opening", opening]].concat())
}

fn open(folder: &Folder, commitment: &str, opening: &str) -> Run {
    let open = ["open", "model", "--commitment", commitment];
    run(folder, &[&open[..], &["--opening", opening]].concat())
}

fn verify(folder: &Folder, proof: &str, more: &[&str]) -> Run {
    run(
        folder,
        &[&["verify", proof, "--accept-keys"], more].concat(),
    )
}

/// A compiled model, committed twice, and two answers linked to the first commitment.
fn linked() -> Folder {
    let folder = Folder::new();
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    folder.json(&compile).exits(0);
    let made = commit(&folder, "c", "o").exits(0).json();
    assert_eq!(made["development_srs"], true);
    assert!(made["parameters"].as_u64() > Some(1000));
    commit(&folder, "c2", "o2").exits(0);
    for answer in ["a", "b"] {
        let made = prove(&folder, answer, "c", "o").exits(0).json();
        assert!(made["link_bytes"].as_u64() <= Some(1024), "{made}");
    }
    folder
}

#[test]
fn proofs_are_linked_to_the_commitment_and_to_no_other() {
    let folder = linked();
    for answer in ["a", "b"] {
        let verified = verify(&folder, answer, &["--commitment", "c"]);
        let verified = verified.exits(0).json();
        assert_eq!(verified["commitment"].as_str().map(str::len), Some(64));
        // The link is an addition: the proof stands without it.
        let alone = verify(&folder, answer, &[]).exits(0).json();
        assert!(alone["commitment"].is_null());
    }
    let words = ["verify", "a", "--commitment", "c", "--development-srs"];
    let words = [&words[..], &["--accept-keys"]].concat();
    let words = folder.run(&words).exits(0).stdout;
    assert!(words.contains("linked: "), "{words}");
    let refused = verify(&folder, "a", &["--commitment", "c2"]).failure(1, "refused");
    assert!(refused.contains("no link"), "{refused}");
    // Another proof's links.
    let swapped = ["--commitment", "c", "--links", "b.links"];
    verify(&folder, "a", &swapped).failure(1, "refused");
    let missing = ["--commitment", "c", "--links", "nowhere"];
    verify(&folder, "a", &missing).failure(4, "environment");
    // Two proofs about the same weights show it by nothing but the links.
    let [a, b] = ["a", "b"].map(|name| fs::read(folder.path(name)).expect("read"));
    assert_ne!(a, b);

    let links = fs::read(folder.path("a.links")).expect("read");
    for at in [10, 20, 60, links.len() - 300, links.len() - 1] {
        let mut changed = links.clone();
        changed[at] ^= 1;
        folder.write("changed", &changed);
        let changed = ["--commitment", "c", "--links", "changed"];
        let code = verify(&folder, "a", &changed).code;
        assert!(code == 1 || code == 3, "byte {at}: {code}");
    }
    let commitment = fs::read(folder.path("c")).expect("read");
    for at in [10, 50, 80, 100, commitment.len() - 40, commitment.len() - 1] {
        let mut changed = commitment.clone();
        changed[at] ^= 1;
        folder.write("changed", &changed);
        let changed = ["--commitment", "changed", "--links", "a.links"];
        let code = verify(&folder, "a", &changed).code;
        assert!(code == 1 || code == 3, "byte {at}: {code}");
    }
    for file in ["c", "a.links", "o"] {
        let shown = folder.run(&["inspect", file]).exits(0).stdout;
        let secret = fs::read(folder.path("o")).expect("read");
        assert!(!shown.contains(&hex::encode(&secret[10..42])));
    }
}

/// From a checkpoint to its commitment, and to an answer.
#[test]
fn a_checkpoint_is_committed_by_one_command() {
    let folder = Folder::new();
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let plan = ["plan", &model, "--public-seed", "--beacon", "x", "-o", "p"];
    folder.json(&plan).exits(0);
    let init = ["init", "p", "--beacon-value", BEACON];
    let init = [&init[..], &["--weights", "tuned.safetensors"]].concat();
    folder.json(&init).exits(0);
    let commit = |more: &[&str]| {
        let commit = ["commit", &model, "--out", "c", "--opening", "o"];
        let from = ["--samples", &samples, "--weights", "tuned.safetensors"];
        run(&folder, &[&commit[..], &from, more].concat())
    };
    let lost = commit(&[]).failure(2, "usage");
    assert!(lost.contains("--folder"), "{lost}");
    assert!(!folder.path("o").exists());
    let made = commit(&["--folder", "model"]).exits(0).json();
    assert_eq!(made["compiled"]["folder"], "model");
    open(&folder, "c", "o").exits(0);
    // The same as in two steps, and other weights than the model's own.
    let two = ["compile", &model, "--samples", &samples, "--out", "two"];
    let checkpoint = ["--weights", "tuned.safetensors"];
    folder.json(&[&two[..], &checkpoint].concat()).exits(0);
    let read = |name: &str| fs::read(folder.path(name)).expect("read");
    assert_eq!(read("two/model.params"), read("model/model.params"));
    let own = ["compile", &model, "--samples", &samples, "--out", "own"];
    folder.json(&own).exits(0);
    assert_ne!(read("own/model.params"), read("model/model.params"));
    prove(&folder, "a", "c", "o").exits(0);
    verify(&folder, "a", &["--commitment", "c"]).exits(0);
    // A folder has its weights.
    let twice = ["commit", "model", "--out", "d", "--opening", "o"];
    run(&folder, &[&twice[..], &checkpoint].concat()).failure(2, "usage");
    run(&folder, &[&twice[..], &["--folder", "m"]].concat()).failure(2, "usage");
}

/// What is hidden is another circuit's, and so are its commitments.
#[test]
fn hidden_answers_have_commitments_of_their_own() {
    let folder = Folder::new();
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    folder.json(&compile).exits(0);
    commit(&folder, "c", "o").exits(0);
    let commit = ["commit", "model", "--out", "h", "--opening", "o"];
    run(&folder, &[&commit[..], &["--hide-input"]].concat()).exits(0);
    let prove = |to: &str| {
        let prove = [
            "prove",
            "inference",
            "model",
            "--input",
            &samples,
            "--hide-input",
        ];
        let to = ["--out", "a", "--commitment", to, "--opening", "o"];
        run(&folder, &[&prove[..], &to].concat())
    };
    let refused = prove("c").failure(2, "usage");
    assert!(refused.contains("--hide-input"), "{refused}");
    prove("h").exits(0);
    verify(&folder, "a", &["--commitment", "h"]).exits(0);
    let open = ["open", "model", "--commitment", "h", "--opening", "o"];
    run(&folder, &[&open[..], &["--hide-input"]].concat()).exits(0);
}

#[test]
fn commitments_open_to_their_parameters_only() {
    let folder = linked();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = fs::metadata(folder.path("o")).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
    let opened = open(&folder, "c", "o").exits(0).json();
    assert!(opened["parameters"].as_u64() > Some(1000));
    open(&folder, "c", "o2").failure(2, "usage");
    folder
        .json(&["open", "model", "--commitment", "c", "--opening", "o"])
        .failure(1, "refused");
    // A secret that exists is used again; the commitment is not replaced unasked.
    commit(&folder, "c", "o").failure(4, "environment");
    let again = commit(&folder, "c3", "o").exits(0).json();
    assert_eq!(
        fs::read(folder.path("c")).expect("read"),
        fs::read(folder.path("c3")).expect("read"),
        "the same weights with the same secret: {again}"
    );
    // Another checkpoint of the same architecture.
    let path = folder.path("model/model.params");
    let mut params = Params::decode(&fs::read(&path).expect("read")).expect("parameters");
    let values = params.values.values_mut().next().expect("one tensor");
    values[0] = if values[0] > 0 {
        values[0] - 1
    } else {
        values[0] + 1
    };
    fs::write(&path, params.encode().expect("encoded")).expect("written");
    let refused = open(&folder, "c", "o").failure(1, "refused");
    assert!(refused.contains("not what was committed"), "{refused}");
    prove(&folder, "x", "c", "o").failure(1, "refused");
    assert!(!folder.path("x").exists());
    commit(&folder, "c4", "o").exits(0);
    // The same, from the commitment to the other checkpoint.
    std::fs::rename(folder.path("model"), folder.path("changed")).expect("renamed");
    let (onnx, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &onnx, "--samples", &samples, "--out", "model"];
    folder.json(&compile).exits(0);
    let update = |out: &str, opening: &str, from: &str| {
        let commit = ["commit", "changed", "--out", out, "--opening", opening];
        let previous = ["--previous", from, "--previous-model", "model"];
        run(&folder, &[&commit[..], &previous].concat())
    };
    let updated = update("c5", "o", "c").exits(0).json();
    assert_eq!(updated["changed"], 1);
    let [made, updated] = ["c4", "c5"].map(|c| fs::read(folder.path(c)).expect("read"));
    assert!(made == updated);
    let refused = update("c6", "o2", "c").failure(2, "usage");
    assert!(refused.contains("another secret"), "{refused}");
    fs::remove_dir_all(folder.path("model")).expect("removed");
    std::fs::rename(folder.path("changed"), folder.path("model")).expect("renamed");
    prove(&folder, "x", "c4", "o").exits(0);
    verify(&folder, "x", &["--commitment", "c4"]).exits(0);
    verify(&folder, "x", &["--commitment", "c"]).failure(1, "refused");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let readable = fs::Permissions::from_mode(0o644);
        fs::set_permissions(folder.path("o"), readable).expect("chmod");
        open(&folder, "c4", "o").failure(4, "environment");
    }
}

#[test]
fn tiles_are_committed_and_linked() {
    let folder = Folder::new();
    let made = ["--commit", "c", "--opening", "o", "--k", "8"];
    let prove =
        |out: &str, more: &[&str]| folder.prove_planned(BEACON, &[&["--out", out], more].concat());
    let proved = prove("bundle", &made).exits(0).json();
    assert_eq!(proved["commitment"]["file"], "c");
    let value = ["--beacon-value", BEACON];
    let given = [&["--commitment", "c"], &value[..]].concat();
    let verified = verify(&folder, "bundle", &given).exits(0).json();
    assert_eq!(verified["commitment"], proved["commitment"]["digest"]);
    verify(&folder, "bundle", &value).exits(0);
    // The same tiles proved again, without links.
    prove("again", &["--k", "8"]).exits(0);
    let borrowed = ["--commitment", "c", "--links", "bundle.links"];
    let refused = verify(&folder, "again", &borrowed).failure(1, "refused");
    assert!(refused.contains("tile 0 of stream 0"), "{refused}");
    // The same secret gives the same commitment, to which other proofs are linked.
    let more = ["--commit", "c2", "--opening", "o", "--k", "8"];
    prove("third", &more).exits(0);
    verify(&folder, "third", &given).exits(0);
    // Tiles of another beacon value.
    let other = [
        "--out",
        "other",
        "--commit",
        "c3",
        "--opening",
        "o",
        "--k",
        "8",
    ];
    folder.prove_planned("ff00", &other).exits(0);
    verify(&folder, "other", &["--commitment", "c3"]).exits(6);
    let refused = verify(&folder, "other", &["--commitment", "c"]).failure(1, "refused");
    assert!(refused.contains("other weights"), "{refused}");
    folder.json(&["inspect", "c"]).exits(0);
}
