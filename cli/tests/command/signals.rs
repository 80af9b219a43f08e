//! Signals, sent for real to the built command, and what the next run makes of it.

use crate::support::{BEACON, Folder, Run};
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Several tiles of 2^11 rows.
const MODEL: &str = r#"
version = 1
name = "several"
[[layer]]
name = "fc"
kind = "linear"
in = 480
out = 480
"#;

const RULES: &str = r#"
version = 1
preset = "he-normal"
precision = { limb_bits = 8, fraction_bits = 5 }
"#;

/// Longest wait for anything; far more than it takes on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// A folder with a plan in it.
fn planned() -> Folder {
    planned_with(480)
}

/// The same with a square layer of this width.
fn planned_with(width: u32) -> Folder {
    let folder = Folder::new();
    let model = MODEL.replace("480", &width.to_string());
    folder.write("several.toml", model.as_bytes());
    folder.write("rules.toml", RULES.as_bytes());
    let plan = ["plan", "several.toml", "--rules", "rules.toml"];
    let more = ["--public-seed", "--beacon", "x", "--out", "plan"];
    folder.json(&[&plan[..], &more].concat()).exits(0);
    folder
}

/// One tile at a time.
fn prove(k: &'static str) -> Vec<&'static str> {
    let what = ["prove", "plan", "--out", "bundle", "--beacon-value", BEACON];
    let how = [
        "--development-srs",
        "--job",
        "job",
        "--threads",
        "1",
        "--json",
    ];
    [&what[..], &how, &["--k", k]].concat()
}

/// The command, running.
fn start(folder: &Folder, arguments: &[&str]) -> Child {
    let mut command = folder.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command.spawn().expect("the command starts")
}

/// Waits until something is there; the command must not end before.
fn wait_for<T>(child: &mut Child, mut what: impl FnMut() -> Option<T>) -> T {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        if let Some(found) = what() {
            return found;
        }
        let ended = child.try_wait().expect("a state");
        assert!(ended.is_none(), "ended too soon: {ended:?}");
        sleep(Duration::from_millis(2));
    }
    panic!("nothing after {PATIENCE:?}");
}

/// The files of finished tiles. Their proofs are blinded at random: proved again, they differ.
fn tiles(job: &Path) -> BTreeMap<String, Vec<u8>> {
    let entries = fs::read_dir(job).into_iter().flatten().flatten();
    let tiles = entries.filter(|entry| entry.path().extension().is_some_and(|ext| ext == "tile"));
    tiles
        .map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            (name, fs::read(entry.path()).expect("read"))
        })
        .collect()
}

fn signal(name: &str, child: &Child) {
    let kill = format!("kill -{name} {}", child.id());
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.expect("a shell").success(), "{kill}");
}

fn first_tile(folder: &Folder, child: &mut Child) {
    wait_for(child, || {
        (!tiles(&folder.path("job")).is_empty()).then_some(())
    });
}

/// Runs again, and checks that what was finished before stayed as it was.
fn goes_on(folder: &Folder) {
    let before = tiles(&folder.path("job"));
    assert!(!before.is_empty());
    let json = folder.run(&prove("11")).exits(0).json();
    let total = json["proofs"].as_u64().expect("a number");
    let resumed = before.len() as u64;
    assert!(resumed < total, "{resumed} of {total} were there already");
    assert_eq!(json["resumed"], resumed);
    assert_eq!(json["proved"], total - resumed);
    let after = tiles(&folder.path("job"));
    for (name, bytes) in &before {
        assert_eq!(after.get(name), Some(bytes), "{name} was proved again");
    }
    let verify = ["verify", "bundle", "--development-srs"];
    let value = ["--beacon-value", BEACON];
    let verified = folder.json(&[&verify[..], &value].concat());
    assert_eq!(verified.exits(0).json()["proofs"], total);
}

#[test]
fn a_killed_run_goes_on_after_its_last_tile() {
    let folder = planned();
    let mut child = start(&folder, &prove("11"));
    first_tile(&folder, &mut child);
    // SIGKILL.
    child.kill().expect("killed");
    let ended = child.wait().expect("a state");
    assert_eq!(ended.code(), None, "not by itself");
    assert!(!folder.path("bundle").exists());
    goes_on(&folder);
}

#[test]
fn one_signal_stops_after_the_tile_under_way() {
    for name in ["INT", "TERM"] {
        let folder = planned();
        let mut child = start(&folder, &prove("11"));
        first_tile(&folder, &mut child);
        signal(name, &child);
        let run = Run::from(child.wait_with_output().expect("an end"));
        let failure = run.failure(130, "interrupted");
        assert!(failure.contains("kept"), "{failure}");
        let done = tiles(&folder.path("job")).len();
        assert!(
            failure.contains(&format!("stopped: {done} of ")),
            "{failure}"
        );
        assert!(!folder.path("bundle").exists());
        goes_on(&folder);
    }
}

#[test]
fn a_second_signal_ends_the_program_at_once() {
    // Several tiles, of which each takes most of a second.
    let folder = planned_with(1200);
    let mut child = start(&folder, &prove("13"));
    first_tile(&folder, &mut child);
    let kill = format!("kill -INT {0}; sleep 0.03; kill -INT {0}", child.id());
    let status = Command::new("sh").args(["-c", &kill]).status();
    assert!(status.expect("a shell").success(), "{kill}");
    let output = child.wait_with_output().expect("an end");
    assert_eq!(output.status.code(), Some(130));
    // Stopped by one signal, it would have said so.
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    assert_eq!(tiles(&folder.path("job")).len(), 1);
}

#[test]
fn the_answer_to_a_signal_is_in_words() {
    let folder = planned();
    let arguments = prove("11");
    let words: Vec<&str> = arguments
        .into_iter()
        .filter(|argument| *argument != "--json")
        .collect();
    let mut child = start(&folder, &words);
    first_tile(&folder, &mut child);
    signal("INT", &child);
    let run = Run::from(child.wait_with_output().expect("an end")).exits(130);
    for words in ["stopping", "the same command goes on", "error: stopped: "] {
        assert!(run.stderr.contains(words), "{words}: {}", run.stderr);
    }
}

#[test]
fn a_stopped_derivation_leaves_nothing() {
    let folder = Folder::new();
    // A quarter of a gigabyte of weights: long enough to be met in the middle.
    let model = MODEL.replace("480", "8000");
    folder.write("large.toml", model.as_bytes());
    let plan = ["plan", "large.toml", "--public-seed", "--beacon", "x"];
    folder.json(&[&plan[..], &["-o", "plan"]].concat()).exits(0);
    let before = folder.names();
    let init = ["init", "plan", "--weights", "w", "--beacon-value", BEACON];
    let mut child = start(&folder, &[&init[..], &["--json"]].concat());
    // The temporary file.
    wait_for(&mut child, || (folder.names() != before).then_some(()));
    signal("INT", &child);
    let run = Run::from(child.wait_with_output().expect("an end"));
    run.failure(130, "interrupted");
    assert_eq!(folder.names(), before);
}

#[test]
fn a_stopped_reference_string_leaves_nothing() {
    let folder = Folder::new();
    let (cache, k) = (folder.path("cache"), "18");
    let mut command = folder.command(&["srs", "develop", "--k", k, "--json"]);
    command.env("NASCENT_CACHE", &cache);
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the command starts");
    // It listens once its table of signals says so.
    let status = format!("/proc/{}/status", child.id());
    if Path::new(&status).exists() {
        wait_for(&mut child, || catches_interrupts(&status).then_some(()));
    } else {
        sleep(Duration::from_millis(500));
    }
    signal("INT", &child);
    let run = Run::from(child.wait_with_output().expect("an end"));
    run.failure(130, "interrupted");
    let left = fs::read_dir(cache.join("srs")).into_iter().flatten();
    assert_eq!(left.count(), 0);
}

fn catches_interrupts(status: &str) -> bool {
    let text = fs::read_to_string(status).unwrap_or_default();
    let mask = text.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    // SIGINT is 2, the lowest bit is signal 1.
    mask.is_some_and(|mask| mask & 2 != 0)
}
