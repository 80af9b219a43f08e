//! The smaller commands, the arguments, and the words.

use crate::support::{BEACON, Folder, key_name, world};

#[test]
fn wrong_arguments_exit_with_two() {
    let folder = Folder::new();
    let runs: [&[&str]; 6] = [
        &[],
        &["frobnicate"],
        &["plan", "x.onnx", "--beacon", "x", "-o", "p"],
        &[
            "plan",
            "x.onnx",
            "--beacon",
            "x",
            "-o",
            "p",
            "--secret",
            "s",
            "--public-seed",
        ],
        &["prove", "p", "-o", "b", "--srs", "abc"],
        &["srs", "develop", "--k", "99"],
    ];
    for run in runs {
        folder.run(run).exits(2);
    }
    let plan = world().file("plan");
    folder
        .json(&["init", &plan, "--weights", "w"])
        .failure(2, "usage");
    folder
        .json(&["init", &plan, "--beacon-value", BEACON])
        .failure(2, "usage");
    // The development SRS is never a default.
    let prove = ["prove", &plan, "-o", "b", "--beacon-value", BEACON];
    let failure = folder.json(&prove).failure(2, "usage");
    assert!(failure.contains("--development-srs"), "{failure}");
}

#[test]
fn help_documents_the_exit_codes() {
    let run = Folder::new().run(&["--help"]).exits(0);
    assert!(run.stdout.contains("Exit codes") && run.stdout.contains("--json"));
}

#[test]
fn errors_are_words_on_standard_error() {
    let run = Folder::new().run(&["verify", "none"]).exits(4);
    assert!(run.stdout.is_empty());
    assert!(run.stderr.starts_with("error: "), "{}", run.stderr);
}

#[test]
fn completions_for_every_shell() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = folder.run(&["completions", shell]).exits(0);
        assert!(run.stdout.contains("inspect"), "{shell}");
    }
    assert_eq!(
        folder.json(&["completions", "bash"]).exits(0).json()["shell"],
        "bash"
    );
}

#[test]
fn inspect_knows_every_kind() {
    let world = world();
    let key = key_name(&world.bundle().streams[0].vk_digest);
    for (name, kind) in [
        ("plan", "plan"),
        ("bundle", "proof bundle"),
        ("weights", "safetensors"),
        ("tiny.toml", "description"),
        (key.as_str(), "verifying key"),
    ] {
        let json = world.folder.json(&["inspect", name]).exits(0).json();
        assert_eq!(json["kind"], kind);
        assert_eq!(json["keccak256"].as_str().map(str::len), Some(64));
    }
    let folder = Folder::new();
    folder.write("noise", &[1, 2, 3]);
    folder.json(&["inspect", "noise"]).failure(3, "input");
    folder.write("nothing", b"");
    folder.json(&["inspect", "nothing"]).failure(3, "input");
}

#[test]
fn reference_strings() {
    let folder = Folder::new();
    let cache = folder.path("cache");
    let run = |arguments: &[&str]| folder.run_with(&cache, &[arguments, &["--json"]].concat());
    assert_eq!(
        run(&["srs", "info"]).exits(0).json()["entries"]
            .as_array()
            .map(Vec::len),
        Some(0)
    );
    let json = run(&["srs", "develop", "--k", "6"]).exits(0).json();
    assert_eq!(json["development"], true);
    let file = json["file"].as_str().expect("a path").to_owned();
    run(&["srs", "check", "--k", "6"]).exits(0);
    run(&["srs", "derive", "--k", "6", "--to", "4"]).exits(0);
    run(&["srs", "derive", "--k", "6", "--to", "7"]).failure(2, "usage");
    let json = run(&["srs", "info"]).exits(0).json();
    assert_eq!(json["entries"].as_array().map(Vec::len), Some(2));
    assert_eq!(
        run(&["inspect", &file]).exits(0).json()["kind"],
        "cached SRS"
    );
    run(&["srs", "check", "--k", "9"]).failure(4, "environment");
    run(&["srs", "export", "--srs", &"11".repeat(32), "-o", "x"]).failure(4, "environment");

    folder.write("noise.ptau", &[b"ptau", &[0xff; 300][..]].concat());
    run(&["srs", "import", "noise.ptau", "--k", "4"]).failure(3, "input");
    run(&["srs", "import", "noise.ptau"]).failure(2, "usage");
    folder.write("noise.bin", &[0xff; 300]);
    run(&["srs", "import", "noise.bin"]).failure(3, "input");
    let bytes = std::fs::read(&file).expect("read");
    std::fs::write(&file, &bytes[..bytes.len() - 1]).expect("written");
    run(&["srs", "check", "--k", "6"]).failure(3, "input");
}

#[test]
fn keys_are_listed_shown_and_derived_again() {
    let world = world();
    let name = key_name(&world.bundle().streams[0].vk_digest);
    let shown = world.folder.json(&["keys", "show", &name]).exits(0).json();
    let listed = world.folder.json(&["keys", "list"]).exits(0).json();
    assert!(
        listed["entries"]
            .to_string()
            .contains(shown["key"].as_str().expect("a digest"))
    );
    let again = ["keys", "rederive", &name, "--development-srs"];
    let json = world.folder.json(&again).exits(0).json();
    assert_eq!(json["got"], shown["key"]);
    world
        .folder
        .json(&["keys", "rederive", &name])
        .failure(2, "usage");
}

#[test]
fn secrets_stay_where_they_are() {
    let folder = Folder::new();
    let made = folder.run(&["secret", "new", "--out", "s"]).exits(0);
    let text = std::fs::read_to_string(folder.path("s")).expect("read");
    let digits = text.lines().nth(1).expect("a second line");
    assert!(!made.stdout.contains(digits) && !made.stderr.contains(digits));
    assert!(made.stderr.contains("not encrypted"), "{}", made.stderr);
    folder
        .json(&["secret", "new", "--out", "s"])
        .failure(4, "environment");
    let public = folder.json(&["secret", "public", "s"]).exits(0).json();
    assert!(
        made.stdout
            .contains(public["publisher_key"].as_str().expect("a key"))
    );
    folder.write("none", b"nascent");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = |name: &str| {
            std::fs::metadata(folder.path(name))
                .expect("there")
                .permissions()
        };
        assert_eq!(mode("s").mode() & 0o777, 0o600);
        folder
            .json(&["secret", "public", "none"])
            .failure(4, "environment");
        let private = std::fs::Permissions::from_mode(0o600);
        std::fs::set_permissions(folder.path("none"), private).expect("chmod");
    }
    folder
        .json(&["secret", "public", "none"])
        .failure(3, "input");
}
