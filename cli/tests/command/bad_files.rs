//! Files that are not what they should be: exit code 3, no panic, and nothing written.

use crate::support::{BEACON, Folder, world};

/// Every command that reads this kind of file must refuse these bytes.
#[track_caller]
fn bad(kind: &str, bytes: &[u8]) {
    let world = world();
    let folder = Folder::new();
    folder.write("file", bytes);
    let (secret, weights) = (world.file("secret"), world.file("weights"));
    let value = ["--beacon-value", BEACON, "--secret", &secret];
    let plan = world.file("plan");
    let runs: Vec<Vec<&str>> = match kind {
        "plan" => vec![
            [&["init", "file", "--weights", "out"], &value[..]].concat(),
            [
                &["prove", "file", "-o", "out", "--development-srs"],
                &value[..],
            ]
            .concat(),
            [&["audit", "file", &weights], &value[..]].concat(),
        ],
        "bundle" => vec![
            vec!["verify", "file", "--development-srs"],
            vec!["audit", "file", &weights, "--secret", &secret],
        ],
        "key" => vec![
            vec!["keys", "show", "file"],
            vec!["keys", "rederive", "file", "--development-srs"],
        ],
        "weights" => vec![[&["audit", &plan, "file"], &value[..]].concat()],
        _ => unreachable!("a kind of this file"),
    };
    for run in runs {
        let failure = folder.json(&run).failure(3, "input");
        assert!(failure.contains("file"), "{failure}");
        assert_eq!(folder.names(), ["file"], "after {run:?}");
    }
}

fn key() -> Vec<u8> {
    let world = world();
    let name = crate::support::key_name(&world.bundle().streams[0].vk_digest);
    world.bytes(&name)
}

#[test]
fn truncated() {
    let world = world();
    for (kind, bytes) in [
        ("plan", world.bytes("plan")),
        ("bundle", world.bytes("bundle")),
        ("key", key()),
        ("weights", world.bytes("weights")),
    ] {
        for length in [0, 1, 9, 11, bytes.len() / 2, bytes.len() - 1] {
            bad(kind, &bytes[..length]);
        }
    }
}

#[test]
fn trailing_bytes_and_other_versions() {
    let world = world();
    for (kind, bytes) in [
        ("plan", world.bytes("plan")),
        ("bundle", world.bytes("bundle")),
        ("key", key()),
    ] {
        bad(kind, &[&bytes[..], b"x"].concat());
        let mut version = bytes.clone();
        version[8] = 99;
        bad(kind, &version);
        let mut magic = bytes.clone();
        magic[0] ^= 0x20;
        bad(kind, &magic);
    }
}

#[test]
fn another_kind_of_file() {
    let world = world();
    let (plan, bundle) = (world.bytes("plan"), world.bytes("bundle"));
    bad("bundle", &key());
    bad("key", &bundle);
    bad("weights", &plan);
    bad("plan", &key());
}

#[test]
fn flipped_bits_never_pass() {
    let world = world();
    let bytes = world.bytes("bundle");
    let folder = Folder::new();
    // Everywhere in header and plan, and here and there in the proofs.
    let places = (0..240)
        .step_by(7)
        .chain((240..bytes.len()).step_by(bytes.len() / 40));
    for at in places {
        let mut bytes = bytes.clone();
        bytes[at] ^= 1 << (at % 8);
        folder.write("bundle", &bytes);
        let run = folder.json(&["verify", "bundle", "--development-srs"]);
        assert!([1, 3, 4].contains(&run.code), "byte {at}: {}", run.stdout);
        run.json();
    }
}

#[test]
fn oversized_files_are_not_read() {
    let folder = Folder::new();
    let file = std::fs::File::create(folder.path("file")).expect("created");
    // Sparse: takes no space.
    file.set_len(1 << 40)
        .expect("a file system with sparse files");
    let runs: [&[&str]; 4] = [
        &["verify", "file", "--development-srs"],
        &["init", "file", "--weights", "w", "--beacon-value", BEACON],
        &["keys", "show", "file"],
        &["plan", "file", "--public-seed", "--beacon", "x", "-o", "p"],
    ];
    for run in runs {
        let failure = folder.json(run).failure(3, "input");
        assert!(failure.contains("1099511627776"), "{failure}");
    }
    assert_eq!(folder.names(), ["file"]);
}

#[test]
fn models_that_are_none() {
    let folder = Folder::new();
    folder.write("noise.onnx", &[0x5a; 5000]);
    folder.write("empty.onnx", b"");
    folder.write("text.toml", b"not = [valid");
    folder.write("rules.toml", b"version = 2");
    let model = world().file("tiny.toml");
    let before = folder.names();
    for name in ["noise.onnx", "empty.onnx", "text.toml"] {
        let plan = ["plan", name, "--public-seed", "--beacon", "x", "-o", "p"];
        folder.json(&plan).failure(3, "input");
    }
    let plan = [
        "plan",
        &model,
        "--rules",
        "rules.toml",
        "--public-seed",
        "--beacon",
        "x",
    ];
    folder
        .json(&[&plan[..], &["-o", "p"]].concat())
        .failure(3, "input");
    assert_eq!(folder.names(), before);
}

#[test]
fn files_that_are_not_there() {
    let world = world();
    let folder = Folder::new();
    let bundle = world.file("bundle");
    let runs: [&[&str]; 6] = [
        &["verify", "none"],
        &["inspect", "none"],
        &["inspect", "."],
        &[
            "plan",
            "none.onnx",
            "--public-seed",
            "--beacon",
            "x",
            "-o",
            "p",
        ],
        &["audit", &bundle, "none", "--secret", "none"],
        &[
            "init",
            "none",
            "--weights",
            "no/such/folder",
            "--beacon-value",
            BEACON,
        ],
    ];
    for run in runs {
        folder.json(run).failure(4, "environment");
    }
    assert!(folder.names().is_empty());
}

#[test]
fn results_are_not_replaced_unasked() {
    let folder = Folder::new();
    folder.write("p", b"precious");
    let failure = folder.plan_in_public(&[]).failure(4, "environment");
    assert!(failure.contains("--force"), "{failure}");
    assert_eq!(std::fs::read(folder.path("p")).expect("read"), b"precious");
    folder.plan_in_public(&["--force"]).exits(0);
}
