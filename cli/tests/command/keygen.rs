//! Encrypted secrets: made, used, and refused under any other passphrase.

use crate::support::{BEACON, Folder, world};
use std::process::Stdio;

/// A folder with a key and its passphrase.
fn folder() -> Folder {
    let folder = Folder::new();
    private(&folder, "phrase", "correct horse battery\n");
    folder
        .json(&["keygen", "--out", "key", "--passphrase-file", "phrase"])
        .exits(0);
    folder
}

fn private(folder: &Folder, name: &str, text: &str) {
    let path = folder.write(name, text.as_bytes());
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).expect("chmod");
    }
    let _ = path;
}

fn plan<'a>(model: &'a str, rules: &'a str) -> Vec<&'a str> {
    let plan = [
        "plan", model, "--rules", rules, "--beacon", "x", "--secret", "key",
    ];
    plan.to_vec()
}

#[test]
fn a_key_is_made_and_used() {
    let folder = folder();
    let bytes = std::fs::read(folder.path("key")).expect("read");
    assert!(bytes.starts_with(b"scrypt"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(folder.path("key")).expect("there");
        assert_eq!(metadata.permissions().mode() & 0o777, 0o600);
    }
    let phrase = ["--passphrase-file", "phrase"];
    let public = folder
        .json(&[&["secret", "public", "key"][..], &phrase].concat())
        .exits(0)
        .json();
    assert_eq!(public["encrypted"], true);
    let world = world();
    let (model, rules) = (world.file("tiny.toml"), world.file("rules.toml"));
    let planned = [&plan(&model, &rules)[..], &phrase, &["-o", "p"]].concat();
    let planned = folder.json(&planned).exits(0).json();
    assert_eq!(planned["plan"]["publisher_key"], public["publisher_key"]);
    // Line ends of an editor are no part of the passphrase, and the variable will do.
    let init = [
        "init",
        "p",
        "--weights",
        "w",
        "--secret",
        "key",
        "--beacon-value",
        BEACON,
    ];
    let mut command = folder.command(&init);
    let output = command
        .env("NASCENT_PASSPHRASE", "correct horse battery")
        .output();
    crate::support::Run::from(output.expect("runs")).exits(0);
    let audit = [
        "audit",
        "p",
        "w",
        "--secret",
        "key",
        "--beacon-value",
        BEACON,
    ];
    folder.json(&[&audit[..], &phrase].concat()).exits(0);
}

#[test]
fn nothing_secret_is_printed() {
    let folder = Folder::new();
    private(&folder, "phrase", "correct horse battery");
    let keygen = ["keygen", "--out", "key", "--passphrase-file", "phrase"];
    let made = folder.run(&keygen).exits(0);
    assert!(made.stdout.starts_with("publisher key "));
    assert!(!format!("{}{}", made.stdout, made.stderr).contains("horse"));
    let plain = folder
        .run(&["keygen", "--out", "plain", "--unencrypted"])
        .exits(0);
    let text = std::fs::read_to_string(folder.path("plain")).expect("read");
    let digits = text.lines().nth(1).expect("a second line");
    assert!(!format!("{}{}", plain.stdout, plain.stderr).contains(digits));
    assert!(plain.stderr.contains("not encrypted"), "{}", plain.stderr);
    // A wrong one is not repeated in the error either.
    private(&folder, "wrong", "staple");
    let public = ["secret", "public", "key", "--passphrase-file", "wrong"];
    let failure = folder.run(&public).exits(2);
    assert!(!failure.stderr.contains("staple"), "{}", failure.stderr);
}

#[test]
fn other_passphrases_and_damaged_files() {
    let folder = folder();
    private(&folder, "wrong", "correct horse batterz");
    private(&folder, "empty", "\n");
    let public = |file: &str, phrase: &str| {
        folder.json(&["secret", "public", file, "--passphrase-file", phrase])
    };
    let failure = public("key", "wrong").failure(2, "usage");
    assert!(failure.contains("wrong passphrase"), "{failure}");
    let failure = public("key", "empty").failure(2, "usage");
    assert!(failure.contains("empty"), "{failure}");
    public("key", "none").failure(4, "environment");
    let world = world();
    let (model, rules) = (world.file("tiny.toml"), world.file("rules.toml"));
    let planned = [
        &plan(&model, &rules)[..],
        &["-o", "p", "--passphrase-file", "wrong"],
    ]
    .concat();
    folder.json(&planned).failure(2, "usage");
    assert!(!folder.names().contains(&"p".to_owned()));
    // Neither file, variable nor terminal.
    let mut command = folder.command(&["secret", "public", "key", "--json"]);
    let output = command
        .env_remove("NASCENT_PASSPHRASE")
        .stdin(Stdio::null())
        .output();
    let run = crate::support::Run::from(output.expect("runs"));
    let failure = run.failure(2, "usage");
    assert!(failure.contains("--passphrase-file"), "{failure}");

    let bytes = std::fs::read(folder.path("key")).expect("read");
    let last = bytes.len() - 1;
    for length in [6, 64, 100, last] {
        private(&folder, "damaged", "");
        std::fs::write(folder.path("damaged"), &bytes[..length]).expect("written");
        public("damaged", "phrase").failure(3, "input");
    }
    let mut changed = bytes;
    changed[last] ^= 1;
    std::fs::write(folder.path("damaged"), &changed).expect("written");
    public("damaged", "phrase").failure(3, "input");
    private(
        &folder,
        "damaged",
        "nascent secret v1 (keep private)\n0102\n",
    );
    let failure = public("damaged", "phrase").failure(3, "input");
    assert!(failure.contains("64 hexadecimal digits"), "{failure}");
    folder
        .json(&["keygen", "--out", "key", "--passphrase-file", "phrase"])
        .failure(4, "environment");
}

#[cfg(unix)]
#[test]
fn a_passphrase_that_others_can_read() {
    let folder = Folder::new();
    folder.write("phrase", b"correct horse");
    let keygen = ["keygen", "--out", "key", "--passphrase-file", "phrase"];
    let failure = folder.json(&keygen).failure(4, "environment");
    assert!(failure.contains("read by others"), "{failure}");
    assert_eq!(folder.names(), ["phrase"]);
}
