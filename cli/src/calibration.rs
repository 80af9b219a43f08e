//! How fast this machine proves, found by a small proof and kept for a day.

use crate::files;
use crate::machine;
use crate::output::Context;
use nascent_prover::backend;
use nascent_prover::estimate::CostModel;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Seconds after which the machine is tried again: what else runs on it changes.
const FRESH: u64 = 24 * 60 * 60;
/// Far more than the file has.
const MAX_BYTES: usize = 1 << 12;

/// The constants of the predictions, for this machine.
pub fn cost_model(context: &Context) -> CostModel {
    let threads = rayon::current_num_threads();
    let path = path(context, threads);
    let machine = json!({
        "version": env!("CARGO_PKG_VERSION"),
        "backend": backend::NAME,
        // A factor is worth something with its constants only.
        "constants": format!("{:?}", CostModel::REFERENCE),
        "processor": machine::processor(),
        "threads": threads,
    });
    let now = machine::now();
    if let Some(factor) = kept(&path, &machine, now) {
        return CostModel::REFERENCE.scaled(factor);
    }
    match CostModel::REFERENCE.calibrated(threads) {
        Ok(model) => {
            keep(&path, &machine, now, model.factor);
            model
        }
        Err(error) => {
            context.warn(format!(
                "predictions are those of another machine, the trial proof failed: {error}"
            ));
            CostModel::REFERENCE
        }
    }
}

/// A file for each number of threads: another `--threads` leaves it alone.
fn path(context: &Context, threads: usize) -> PathBuf {
    context.cache.join(format!("calibration-{threads}.json"))
}

/// The factor found before, if it was found here and lately.
fn kept(path: &Path, machine: &Value, now: u64) -> Option<f64> {
    let bytes = files::read_bounded(path, MAX_BYTES).ok()?;
    let file: Value = serde_json::from_slice(&bytes).ok()?;
    let age = now.checked_sub(file["measured"].as_u64()?)?;
    let factor = file["factor"].as_f64()?;
    let sound = age < FRESH && file["machine"] == *machine && (1e-3..1e3).contains(&factor);
    sound.then_some(factor)
}

fn keep(path: &Path, machine: &Value, now: u64, factor: f64) {
    let file = json!({ "machine": machine, "measured": now, "factor": factor });
    if let Some(folder) = path.parent() {
        // Without the file the machine is only tried again.
        let _ = std::fs::create_dir_all(folder);
        let _ = files::write(path, format!("{file:#}\n").as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_factor_is_kept_for_its_machine_and_a_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deeper").join("calibration.json");
        let machine = json!({ "threads": 2 });
        assert_eq!(kept(&path, &machine, 5), None);
        keep(&path, &machine, 1000, 1.25);
        assert_eq!(kept(&path, &machine, 1000), Some(1.25));
        assert_eq!(kept(&path, &machine, 999 + FRESH), Some(1.25));
        assert_eq!(kept(&path, &machine, 1000 + FRESH), None);
        // A clock that was put back.
        assert_eq!(kept(&path, &machine, 999), None);
        assert_eq!(kept(&path, &json!({ "threads": 3 }), 1000), None);
        keep(&path, &machine, 1000, 0.0);
        assert_eq!(kept(&path, &machine, 1000), None);
        std::fs::write(&path, b"{").expect("written");
        assert_eq!(kept(&path, &machine, 1000), None);
    }
}
