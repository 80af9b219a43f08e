//! What the command makes of its surroundings: names that are no Unicode, signals, closed and full
//! outputs, short memory, no home.

use crate::support::{BEACON, Folder, Run, example, world};
use std::ffi::{OsStr, OsString};
use std::fs::{self, OpenOptions};
use std::os::unix::ffi::OsStrExt;
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

/// A name that is no Unicode.
fn strange(name: &str) -> OsString {
    let bytes = [b"\xff\xfe", name.as_bytes()].concat();
    OsStr::from_bytes(&bytes).to_owned()
}

/// Runs with arguments of which those that begin with `@` are strange names.
fn run_strange(folder: &Folder, line: &str, more: &[&str]) -> Run {
    let word = |word: &str| match word.strip_prefix('@') {
        Some(name) => strange(name),
        None => word.into(),
    };
    let words = line.split_whitespace().chain(more.iter().copied());
    let mut command = folder.command(&["--json"]);
    command.args(words.map(word));
    Run::from(command.output().expect("the command runs"))
}

#[test]
fn names_that_are_no_unicode() {
    let world = world();
    let folder = Folder::new();
    for name in [
        "tiny.toml",
        "rules.toml",
        "plan",
        "bundle",
        "weights",
        "secret",
    ] {
        let to = fs::canonicalize(folder.path("."))
            .expect("a folder")
            .join(strange(name));
        fs::copy(world.folder.path(name), to).expect("copied");
    }
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let value = ["--beacon-value", BEACON, "--secret", "@secret"];
    let development = ["--development-srs"];
    let runs: [(&str, &[&str]); 22] = [
        ("secret new --out @new", &[]),
        ("secret public @new", &[]),
        ("keygen --unencrypted --out @key", &[]),
        (
            "plan @tiny.toml --rules @rules.toml --public-seed --beacon x --out @p",
            &[],
        ),
        ("init @plan --weights @w", &value),
        ("audit @plan @w", &value),
        (
            "prove @plan --k 8 --job @job --commit @c --opening @o --out @b --development-srs",
            &value,
        ),
        (
            "verify @b --commitment @c --development-srs",
            &["--beacon-value", BEACON],
        ),
        ("inspect @b", &[]),
        ("inspect @plan", &[]),
        ("compile --out @model --samples", &[&samples, &model]),
        ("commit @model --opening @o --out @mc", &development),
        ("open @model --commitment @mc --opening @o", &development),
        ("run @model --out @out.npz --input", &[&samples]),
        (
            "prove inference @model --hide-input --out @answer --development-srs --input",
            &[&samples],
        ),
        (
            "verify @answer --architecture @model/model.graph",
            &development,
        ),
        ("inspect @answer.input-salt", &[]),
        (
            "keys generate --k 8 --limb-bits 8 --fraction-bits 5 --out @vk",
            &development,
        ),
        ("keys show @vk", &[]),
        ("--cache @cache srs develop --k 6", &[]),
        ("--cache @cache srs info", &[]),
        ("--cache @cache keys list", &[]),
    ];
    for (line, more) in runs {
        run_strange(&folder, line, more).exits(0).json();
    }
    // What fails says so, and nothing more.
    for (line, code) in [
        ("verify @none", 4),
        ("inspect @none", 4),
        ("chain @b --out @chain", 2),
    ] {
        run_strange(&folder, line, &[]).exits(code).json();
    }
}

/// Every command that waits for a file can be stopped there.
#[test]
fn a_signal_ends_every_command_with_json() {
    let folder = Folder::new();
    let made = Command::new("mkfifo").arg(folder.path("wait")).status();
    assert!(made.expect("a shell").success());
    let runs: [&[&str]; 9] = [
        &[
            "plan",
            "wait",
            "--public-seed",
            "--beacon",
            "x",
            "--out",
            "p",
        ],
        &["init", "wait", "--weights", "w", "--beacon-value", "00"],
        &["compile", "wait", "--out", "m"],
        &[
            "prove",
            "wait",
            "--out",
            "b",
            "--development-srs",
            "--beacon-value",
            "00",
        ],
        &["verify", "wait"],
        &["audit", "wait", "w"],
        &["keys", "show", "wait"],
        &["beacon", "check", "wait"],
        &["chain", "wait", "--out", "c"],
    ];
    for (at, run) in runs.into_iter().enumerate() {
        let mut command = folder.command(&[run, &["--json"]].concat());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().expect("the command starts");
        let status = format!("/proc/{}/status", child.id());
        while !catches(&status) {
            sleep(Duration::from_millis(5));
        }
        sleep(Duration::from_millis(100));
        let name = if at % 2 == 0 { "TERM" } else { "INT" };
        let kill = format!("kill -{name} {}", child.id());
        Command::new("sh")
            .args(["-c", &kill])
            .status()
            .expect("a shell");
        let run = Run::from(child.wait_with_output().expect("an end"));
        run.failure(130, "interrupted");
    }
}

/// Whether SIGTERM, which is 15, is caught; the lowest bit is signal 1.
fn catches(status: &str) -> bool {
    let text = fs::read_to_string(status).unwrap_or_default();
    let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & (1 << 14) != 0)
}

#[test]
fn wrong_arguments_are_json_too() {
    let folder = Folder::new();
    for run in [
        &["frobnicate"][..],
        &[],
        &["plan", "x.onnx"],
        &["prove", "p", "-o", "b", "--srs", "abc"],
        &["srs", "develop", "--k", "99"],
    ] {
        let failure = folder.json(run).failure(2, "usage");
        assert!(failure.len() > 40, "{failure}");
    }
    let json = folder.json(&["srs", "develop", "--k", "99"]).json();
    assert_eq!(json["command"], "srs");
    assert!(folder.json(&["--help"]).exits(0).json()["help"].is_string());
}

#[test]
fn a_full_or_closed_output_is_an_error() {
    let world = world();
    for more in [&[][..], &["--json"]] {
        let arguments = [&["inspect", "plan"], more].concat();
        let full = OpenOptions::new().write(true).open("/dev/full");
        let mut command = world.folder.command(&arguments);
        command.stdout(full.expect("a full device"));
        let run = Run::from(command.stderr(Stdio::piped()).output().expect("runs")).exits(4);
        assert!(run.stderr.contains("standard output"), "{}", run.stderr);
        // A reader that is gone.
        let words: Vec<String> = arguments.iter().map(|word| format!("'{word}'")).collect();
        let line = format!(
            "{{ sleep 0.2; '{}' {}; echo $? >&2; }} | true",
            env!("CARGO_BIN_EXE_nascent"),
            words.join(" ")
        );
        let mut command = Command::new("sh");
        command
            .args(["-c", &line])
            .current_dir(world.folder.path("."));
        let output = command.output().expect("a shell");
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            text.ends_with("4\n") && !text.contains("panicked"),
            "{text}"
        );
    }
}

#[test]
fn short_memory_is_found_before_the_work() {
    let folder = Folder::new();
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    let made = folder.json(&compile).exits(0).json();
    let needed = made["predicted"]["memory_bytes"]
        .as_u64()
        .expect("a number");
    // Enough to start; less than what is needed beside what the program itself takes.
    let limit = (needed >> 10) + 4000;
    let line = format!(
        "ulimit -d {limit}; exec '{}' --json --threads 1 prove inference model --input '{samples}' \
         --development-srs --out answer",
        env!("CARGO_BIN_EXE_nascent"),
    );
    let mut command = Command::new("sh");
    command.args(["-c", &line]).current_dir(folder.path("."));
    command.env("NASCENT_CACHE", folder.path("cache"));
    let run = Run::from(command.output().expect("a shell"));
    let failure = run.failure(4, "environment");
    assert!(failure.contains("--any-memory"), "{failure}");
}

#[test]
fn verification_needs_no_home() {
    let world = world();
    let verify = [
        "verify",
        "bundle",
        "--development-srs",
        "--rederive-key",
        "--beacon-value",
        BEACON,
        "--json",
    ];
    let run = |set: &dyn Fn(&mut Command)| {
        let mut command = world.folder.command(&verify);
        command
            .env_remove("NASCENT_CACHE")
            .env_remove("XDG_CACHE_HOME");
        set(&mut command);
        Run::from(command.output().expect("runs"))
    };
    run(&|command| {
        command.env_remove("HOME");
    })
    .exits(0);
    // Nothing can be kept there.
    run(&|command| {
        command.env("HOME", "/proc/none");
    })
    .exits(0);
}

#[test]
fn inspect_knows_what_the_command_writes() {
    let world = world();
    let folder = Folder::new();
    let (model, samples) = (example("mlp-128.onnx"), example("mlp-128.samples.npz"));
    let compile = ["compile", &model, "--samples", &samples, "--out", "model"];
    folder.json(&compile).exits(0);
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
        "--development-srs",
        "--job",
        "job",
        "--opening",
        "o",
        "--out",
        "b",
        "--commit",
        "c",
    ];
    folder.json(&[&prove[..], &more].concat()).exits(0);
    let prove = [
        "prove",
        "inference",
        "model",
        "--input",
        &samples,
        "--hide-input",
    ];
    folder
        .json(&[&prove[..], &["--development-srs", "--out", "answer"]].concat())
        .exits(0);
    folder
        .json(&["run", "model", "--input", &samples, "--out", "r.npz"])
        .exits(0);
    let of = |name: &str| folder.path(name).to_string_lossy().into_owned();
    let list = |name: &str| {
        let entries = fs::read_dir(folder.path(name)).expect("a folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let paths = paths.filter(|path| path.metadata().is_ok_and(|of| of.len() > 0));
        paths
            .map(|path| path.to_string_lossy().into_owned())
            .collect::<Vec<_>>()
    };
    let mut files = [list("model"), list("job")].concat();
    files.extend(
        [
            "o",
            "b",
            "b.links",
            "c",
            "answer",
            "answer.input-salt",
            "r.npz",
        ]
        .map(of),
    );
    files.extend([model, samples, secret]);
    for file in files {
        let json = folder.json(&["inspect", &file]).exits(0).json();
        let kind = json["kind"].as_str().expect("a kind");
        assert!(!kind.is_empty(), "{file}");
        // What would let guesses at a secret be tried is not shown.
        assert_eq!(
            kind.starts_with("SECRET"),
            json["keccak256"].is_null(),
            "{file}"
        );
    }
    // A model of gigabytes: its numbers are passed over. Version, then a graph of one initializer.
    let bytes: u64 = 1 << 40;
    let length = |mut value: u64| {
        let mut out = Vec::new();
        while value >= 0x80 {
            out.push(value as u8 | 0x80);
            value >>= 7;
        }
        out.push(value as u8);
        out
    };
    let initializer = [&[0x2a][..], &length(bytes)].concat();
    let graph = [
        &[0x08, 0x08, 0x3a][..],
        &length(bytes + initializer.len() as u64),
    ]
    .concat();
    let head = [graph, initializer].concat();
    let path = folder.write("large.onnx", &head);
    let file = OpenOptions::new().write(true).open(path).expect("opened");
    file.set_len(head.len() as u64 + bytes)
        .expect("sparse files");
    let json = folder.json(&["inspect", "large.onnx"]).exits(0).json();
    assert_eq!(json["details"]["initializers"], 1);
}
