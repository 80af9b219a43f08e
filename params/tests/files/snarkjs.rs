//! Against snarkjs itself: a ceremony of two steps, made by npm's package in a temporary folder.
//!
//! Skipped, with the reason on the standard error, where npm is missing or the package cannot be
//! installed. With `NASCENT_REQUIRE_SNARKJS` set, as in continuous integration, that is a failure.
//! `NASCENT_SNARKJS` may name the `cli.js` of an installed copy.

use std::path::{Path, PathBuf};
use std::process::Command;

use nascent_params::{ImportOptions, ParamsError, Provenance, Silent, Srs};

const VERSION: &str = "snarkjs@0.7.6";
const POWER: u32 = 8;

/// Runs a command to its end and gives the reason when it fails.
fn run(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command
        .output()
        .map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{name}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    ))
}

/// snarkjs' entry point, installed below `directory` unless the environment names one.
fn install(directory: &Path) -> Result<PathBuf, String> {
    if let Some(path) = std::env::var_os("NASCENT_SNARKJS") {
        return Ok(path.into());
    }
    let mut npm = Command::new(if cfg!(windows) { "npm.cmd" } else { "npm" });
    npm.args([
        "install",
        "--no-audit",
        "--no-fund",
        "--ignore-scripts",
        "--prefix",
    ])
    .arg(directory)
    .arg(VERSION)
    .current_dir(directory);
    run(&mut npm)?;
    Ok(directory.join("node_modules/snarkjs/cli.js"))
}

struct Ceremony {
    _directory: tempfile::TempDir,
    unprepared: PathBuf,
    prepared: PathBuf,
}

fn ceremony() -> Result<Ceremony, String> {
    let directory = tempfile::tempdir().map_err(|error| error.to_string())?;
    let cli = install(directory.path())?;
    let snarkjs = |arguments: &str| {
        let mut node = Command::new("node");
        node.arg(&cli).arg("powersoftau").args(arguments.split(' '));
        run(node.current_dir(directory.path()))
    };
    snarkjs(&format!("new bn128 {POWER} new.ptau"))?;
    snarkjs("contribute new.ptau contributed.ptau --name=test -e=entropy")?;
    snarkjs("beacon contributed.ptau beacon.ptau 0102030405060708090a0b0c0d0e0f10 10")?;
    snarkjs("prepare phase2 beacon.ptau prepared.ptau")?;
    let path = |name| directory.path().join(name);
    Ok(Ceremony {
        unprepared: path("beacon.ptau"),
        prepared: path("prepared.ptau"),
        _directory: directory,
    })
}

#[test]
fn a_file_made_by_snarkjs_is_imported() {
    let ceremony = match ceremony() {
        Ok(ceremony) => ceremony,
        Err(reason) if std::env::var_os("NASCENT_REQUIRE_SNARKJS").is_none() => {
            eprintln!("SKIPPED: snarkjs could not be run: {reason}");
            return;
        }
        Err(reason) => panic!("snarkjs could not be run: {reason}"),
    };
    let import = |path: &Path, k, max_transform_k| {
        Srs::import_ptau(path, k, &ImportOptions { max_transform_k }, &Silent)
    };
    for k in 1..=POWER {
        // No transform allowed: the basis is the file's own, permuted.
        let srs = import(&ceremony.prepared, k, 0).expect("a prepared file");
        let computed = import(&ceremony.unprepared, k, k).expect("below the limit");
        assert_eq!(srs.powers(), computed.powers());
        assert_eq!(srs.lagrange(), computed.lagrange(), "k = {k}");
        assert_eq!(srs.identity(), computed.identity());
        assert!(!srs.is_development());
        let Provenance::Ceremony(file) = srs.provenance() else {
            panic!("not a ceremony")
        };
        let bytes = std::fs::read(&ceremony.prepared).expect("the file is there");
        assert_eq!(file.blake2b, *blake2b_simd::blake2b(&bytes).as_array());
    }
    assert!(matches!(
        import(&ceremony.unprepared, POWER, POWER - 1),
        Err(ParamsError::NotPrepared { .. })
    ));
    assert!(matches!(
        import(&ceremony.prepared, POWER + 1, 28),
        Err(ParamsError::SizeOutOfRange { max: POWER, .. })
    ));
}
