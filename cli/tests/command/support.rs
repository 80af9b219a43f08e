//! A folder, the command run in it, and one initialization that all tests share.

use nascent_verifier::codec::Format;
use nascent_verifier::{Digest32, InitBundle};
use serde_json::Value;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;
use tempfile::TempDir;

/// The value that the beacon took.
pub const BEACON: &str = "00112233445566778899aabbccddeeff";

/// Two tiles of 2^8 rows; limbs of 8 bits keep the table small.
const MODEL: &str = r#"
version = 1
name = "tiny"
[[layer]]
name = "fc"
kind = "linear"
in = 100
out = 100
"#;

/// Limbs of 8 bits: weights of 8 bits, as many as rounded ones have by default.
pub const RULES: &str = r#"
version = 1
preset = "he-normal"
precision = { limb_bits = 8, fraction_bits = 5 }
"#;

/// An ONNX file with weights, or samples for it.
pub fn example(name: &str) -> String {
    format!(
        "{}/../examples/inference/{name}",
        env!("CARGO_MANIFEST_DIR")
    )
}

/// Runs the command in a folder with `--json`; arguments in two lists.
pub fn run(folder: &Folder, arguments: &[&str], more: &[&str]) -> Run {
    folder.json(&[arguments, more].concat())
}

/// What a run gave.
pub struct Run {
    pub code: i32,
    pub stdout: String,
    pub stderr: String,
}

impl Run {
    /// Checks the exit code.
    #[track_caller]
    pub fn exits(self, code: i32) -> Self {
        assert_eq!(
            self.code, code,
            "stdout: {}\nstderr: {}",
            self.stdout, self.stderr
        );
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        self
    }

    /// The one JSON object on standard output.
    #[track_caller]
    pub fn json(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stdout).expect("one JSON object");
        assert_eq!(value["exit_code"], self.code);
        assert_eq!(value["ok"], self.code == 0);
        assert!(value["command"].is_string());
        value
    }

    /// The messages and the advice of a failure.
    #[track_caller]
    pub fn failure(self, code: i32, kind: &str) -> String {
        let value = self.exits(code).json();
        let error = &value["error"];
        assert_eq!(error["kind"], kind, "{value}");
        let messages = error["messages"].as_array().expect("a list");
        assert!(!messages.is_empty());
        error.to_string()
    }
}

impl From<Output> for Run {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code().expect("not killed"),
            stdout: String::from_utf8(output.stdout).expect("UTF-8"),
            stderr: String::from_utf8(output.stderr).expect("UTF-8"),
        }
    }
}

/// A folder to work in, with the cache that all tests share.
pub struct Folder(TempDir);

impl Folder {
    pub fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    /// Names of the files in it.
    pub fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(self.0.path()).expect("a folder");
        let name = |entry: std::io::Result<std::fs::DirEntry>| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        };
        let mut names: Vec<String> = entries.map(name).collect();
        names.sort();
        names
    }

    /// Runs the command in the folder.
    pub fn run(&self, arguments: &[&str]) -> Run {
        self.run_with(cache(), arguments)
    }

    /// Runs the command with a cache of its own.
    pub fn run_with(&self, cache: &Path, arguments: &[&str]) -> Run {
        let output = self.command(arguments).env("NASCENT_CACHE", cache).output();
        output.expect("the command runs").into()
    }

    /// The command in the folder, not yet started.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_nascent"));
        command
            .args(arguments)
            .env("NASCENT_CACHE", cache())
            .current_dir(self.0.path());
        command
    }

    /// Runs the command with `--json`.
    pub fn json(&self, arguments: &[&str]) -> Run {
        self.run(&[arguments, &["--json"]].concat())
    }

    /// Plans the world's model with a public seed, into the file `p`.
    pub fn plan_in_public(&self, more: &[&str]) -> Run {
        let world = world();
        let (model, rules) = (world.file("tiny.toml"), world.file("rules.toml"));
        let plan = ["plan", &model, "--rules", &rules, "--public-seed"];
        self.json(&[&plan[..], &["--beacon", "x", "-o", "p"], more].concat())
    }

    /// Proves the world's plan for a beacon value under the development SRS.
    pub fn prove_planned(&self, beacon_value: &str, more: &[&str]) -> Run {
        let world = world();
        let (plan, secret) = (world.file("plan"), world.file("secret"));
        let prove = ["prove", &plan, "--secret", &secret, "--development-srs"];
        self.json(&[&prove[..], &["--beacon-value", beacon_value], more].concat())
    }
}

fn cache() -> &'static Path {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    // Cargo removes it with the target folder; keys and SRS in it are small.
    CACHE.get_or_init(|| {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("command-cache");
        // A cache of another version of the circuit would only be made anew, key by key.
        let _ = std::fs::remove_dir_all(&path);
        path
    })
}

/// An initialization that went well.
pub struct World {
    pub folder: Folder,
    pub secret: Value,
    pub plan: Value,
    pub init: Value,
    pub prove: Value,
}

/// Made once.
pub fn world() -> &'static World {
    static WORLD: OnceLock<World> = OnceLock::new();
    WORLD.get_or_init(|| {
        let folder = Folder::new();
        folder.write("tiny.toml", MODEL.as_bytes());
        folder.write("rules.toml", RULES.as_bytes());
        let secret = folder
            .json(&["secret", "new", "--out", "secret"])
            .exits(0)
            .json();
        let plan = [
            "plan",
            "tiny.toml",
            "--rules",
            "rules.toml",
            "--secret",
            "secret",
        ];
        let plan = [
            &plan[..],
            &["--beacon", "value 7 of the tests", "--out", "plan"],
        ]
        .concat();
        let plan = folder.json(&plan).exits(0).json();
        let value = ["--beacon-value", BEACON, "--secret", "secret"];
        let init = [&["init", "plan", "--weights", "weights"], &value[..]].concat();
        let init = folder.json(&init).exits(0).json();
        let prove = [
            "prove",
            "plan",
            "--out",
            "bundle",
            "--development-srs",
            "--k",
            "8",
        ];
        let prove = folder.json(&[&prove[..], &value].concat()).exits(0).json();
        World {
            folder,
            secret,
            plan,
            init,
            prove,
        }
    })
}

impl World {
    pub fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder.path(name)).expect("read")
    }

    pub fn bundle(&self) -> InitBundle {
        InitBundle::decode(&self.bytes("bundle")).expect("a bundle")
    }

    /// The path of a file of the world, for commands run elsewhere.
    pub fn file(&self, name: &str) -> String {
        self.folder.path(name).to_string_lossy().into_owned()
    }
}

/// Where the key of a digest lies beside a bundle.
pub fn key_name(digest: &Digest32) -> String {
    format!("{}.vk", hex::encode(&digest[..8]))
}
