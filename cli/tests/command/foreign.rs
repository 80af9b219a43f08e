//! Text from files is data: whatever a publisher writes, it cannot look like a line of the command's,
//! and nothing that moves a cursor or turns a line comes out.

use crate::support::{BEACON, Folder, Run, world};
use nascent_verifier::text::is_plain;

/// Closes quotes, and says what only the command says.
const CLAIM: &str = "x' has the initial weights (\"proved\") `y` \\' z";
/// The same in the quotes of the command.
const CLAIM_IN_QUOTES: &str = r#"'x\' has the initial weights ("proved") `y` \\\' z'"#;

/// What terminals and readers of lines take for more than a letter, as TOML writes it.
const CONTROLS: &str =
    "x\\n7. MODEL 'trained' has the initial weights\\u001b[2J\\u202e\\u2066\\u009b\\u2028\\u200b";

/// Every line of a run, in words and as JSON, shows itself.
#[track_caller]
fn is_shown(run: &Run) {
    for line in run.stdout.lines().chain(run.stderr.lines()) {
        assert!(is_plain(line), "{line:?}");
        assert!(!line.starts_with("7. MODEL"), "{line}");
    }
}

/// Runs a command in words and with `--json`, and looks at all that it says.
#[track_caller]
fn said(folder: &Folder, arguments: &[&str], code: i32) -> [Run; 2] {
    let runs = [folder.run(arguments), folder.json(arguments)];
    runs.map(|run| {
        let run = run.exits(code);
        is_shown(&run);
        run
    })
}

fn toml(name: &str, layer: &str) -> String {
    format!(
        "version = 1\nname = {name}\n[[layer]]\nname = {layer}\nkind = \"linear\"\nin = 4\nout = 4\n"
    )
}

const PLAN: [&str; 10] = [
    "plan",
    "m.toml",
    "--rules",
    "rules.toml",
    "--public-seed",
    "--beacon",
    CLAIM,
    "--force",
    "-o",
    "p",
];

#[test]
fn a_name_stays_in_its_quotes() {
    let folder = Folder::new();
    folder.write("rules.toml", crate::support::RULES.as_bytes());
    let name = serde_json::to_string(CLAIM).expect("a string");
    folder.write("m.toml", toml(&name, "\"fc\"").as_bytes());
    for arguments in [&PLAN[..], &["inspect", "p"]] {
        let [words, json] = said(&folder, arguments, 0);
        for line in words
            .stdout
            .lines()
            .filter(|line| line.contains("has the initial"))
        {
            assert!(line.contains(CLAIM_IN_QUOTES), "{line}");
        }
        assert!(
            words
                .stdout
                .contains(&format!("model             {CLAIM_IN_QUOTES}"))
        );
        assert!(
            words
                .stdout
                .contains(&format!("beacon            {CLAIM_IN_QUOTES}"))
        );
        // The name itself is data, whole.
        assert!(json.json().to_string().contains(&name[1..name.len() - 1]));
    }
    let prove = ["prove", "p", "--beacon-value", BEACON, "--development-srs"];
    folder
        .json(&[&prove[..], &["--k", "8", "-o", "b"]].concat())
        .exits(0);
    let [words, json] = said(&folder, &["verify", "b", "--development-srs"], 6);
    assert!(
        words
            .stdout
            .contains(&format!("model        {CLAIM_IN_QUOTES}")),
        "{}",
        words.stdout
    );
    assert!(
        words
            .stdout
            .contains(&format!("beacon       {CLAIM_IN_QUOTES}")),
        "{}",
        words.stdout
    );
    assert_eq!(json.json()["model"], CLAIM);
}

#[test]
fn controls_in_names_are_refused_and_escaped() {
    let folder = Folder::new();
    folder.write("rules.toml", crate::support::RULES.as_bytes());
    let hostile = format!("\"{CONTROLS}\"");
    for (name, layer) in [(hostile.as_str(), "\"fc\""), ("\"m\"", hostile.as_str())] {
        folder.write("m.toml", toml(name, layer).as_bytes());
        said(&folder, &PLAN, 3);
    }
    // Keys and values that the parsers and the rules do not know.
    folder.write("m.toml", toml("\"m\"", "\"fc\"").as_bytes());
    let rules = [
        format!("version = 1\n{hostile} = 1\n"),
        format!("version = 1\npreset = {hostile}\n"),
        format!("version = 1\n[[rule]]\nname = {hostile}\ninit = {hostile}\n"),
    ];
    for rules in rules {
        folder.write("rules.toml", rules.as_bytes());
        said(&folder, &PLAN, 3);
    }
    for text in [
        toml("\"m\"", "\"fc\"") + &format!("{hostile} = 1\n"),
        toml("\"m\"", "\"fc\"").replace("\"linear\"", &hostile),
    ] {
        folder.write("rules.toml", crate::support::RULES.as_bytes());
        folder.write("m.toml", text.as_bytes());
        said(&folder, &PLAN, 3);
    }
}

/// Files of the project whose bytes were changed: a name of four letters becomes one with controls.
#[test]
fn formats_hold_plain_text_only() {
    let world = world();
    let folder = Folder::new();
    for (file, arguments) in [
        ("plan", &["inspect", "f"][..]),
        ("bundle", &["inspect", "f"]),
        ("bundle", &["verify", "f", "--development-srs"]),
    ] {
        let mut bytes = world.bytes(file);
        let name = bytes.windows(4).position(|of| of == b"tiny");
        let name = name.expect("the name");
        for hostile in [
            "a\n\u{1b}b",
            "\u{202e}x",
            "x\u{2028}",
            "\u{200b}x",
            "ab\u{9b}",
        ] {
            bytes[name..name + 4].copy_from_slice(hostile.as_bytes());
            folder.write("f", &bytes);
            let [_, json] = said(&folder, arguments, 3);
            let failure = json.failure(3, "input");
            assert!(failure.contains("control characters"), "{failure}");
        }
    }
}

/// Names of files, and what other makers' files say of themselves.
#[test]
fn names_of_files_and_their_own_words_are_data() {
    let folder = Folder::new();
    let world = world();
    let header = serde_json::json!({ "__metadata__": {
        "by\n7. MODEL 'trained' has the initial weights": "\u{1b}[2J\u{202e}ACCEPTED\n7. MODEL",
    }});
    let header = header.to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.as_bytes());
    folder.write("w.safetensors", &file);
    said(&folder, &["inspect", "w.safetensors"], 0);
    let name = "f\n7. MODEL 'trained' has the initial weights\u{1b}[2J\u{202e}";
    folder.write(name, &world.bytes("plan"));
    said(&folder, &["inspect", name], 0);
    said(&folder, &["verify", name, "--development-srs"], 3);
    folder.write(name, b"garbage");
    said(&folder, &["inspect", name], 3);
    said(&folder, &["verify", "absent\n7. MODEL\u{1b}"], 4);
    // Operators, domains and nodes of an ONNX file.
    let op = "Relu\n7. MODEL\u{1b}[2J";
    let node = [
        field(3, b"n\x1b\n7. MODEL"),
        field(4, op.as_bytes()),
        field(2, b"y"),
        field(1, b"x\n7. MODEL"),
    ];
    let graph = field(7, &field(1, &node.concat()));
    let opset = field(8, &[0x10, 17]);
    folder.write("m.onnx", &[&[0x08, 8][..], &graph, &opset].concat());
    said(&folder, &["inspect", "m.onnx"], 0);
    said(&folder, &["compile", "m.onnx", "--out", "d"], 3);
}

/// A field of a protobuf message: shorter than 128 bytes, or than 16,384.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    let length = u8::try_from(bytes.len()).expect("short");
    assert!(length < 128);
    [&[number << 3 | 2, length][..], bytes].concat()
}
