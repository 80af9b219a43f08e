//! How fast a machine proves, found by a small proof and kept for a day.

use crate::files;
use crate::setting::Setting;
use nascent_params::atomic::{Access, Staged};
use nascent_prover::backend;
use serde::{Deserialize, Serialize};
use std::io::Write;
use std::path::Path;

pub use nascent_prover::estimate::{CostModel, available_memory};

/// Seconds after which the machine is tried again: what else runs on it changes.
const FRESH: u64 = 24 * 60 * 60;
/// Far more than the file has.
const MAX_BYTES: usize = 1 << 12;

/// What a factor is of.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Machine {
    version: String,
    backend: String,
    /// A factor is worth something with its constants only.
    constants: String,
    processor: String,
    threads: usize,
}

#[derive(Debug, Serialize, Deserialize)]
struct Kept {
    machine: Machine,
    measured: u64,
    factor: f64,
}

/// The constants of the predictions, for this machine: its `processor` is named by the caller, and
/// `now` is in seconds since 1970.
pub fn cost_model(setting: &Setting<'_>, processor: &str, now: u64) -> CostModel {
    let threads = rayon::current_num_threads();
    // A file for each number of threads: another one leaves it alone.
    let path = setting.cache.join(format!("calibration-{threads}.json"));
    let machine = Machine {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        backend: backend::NAME.to_owned(),
        constants: format!("{:?}", CostModel::REFERENCE),
        processor: processor.to_owned(),
        threads,
    };
    if let Some(factor) = kept(&path, &machine, now) {
        return CostModel::REFERENCE.scaled(factor);
    }
    match CostModel::REFERENCE.calibrated(threads) {
        Ok(model) => {
            // Without the file the machine is only tried again.
            let _ = keep(
                &path,
                &Kept {
                    machine,
                    measured: now,
                    factor: model.factor,
                },
            );
            model
        }
        Err(error) => {
            setting.observer.warn(&format!(
                "predictions are those of another machine, the trial proof failed: {error}"
            ));
            CostModel::REFERENCE
        }
    }
}

/// The factor found before, if it was found here and lately.
fn kept(path: &Path, machine: &Machine, now: u64) -> Option<f64> {
    let bytes = files::read_bounded(path, MAX_BYTES).ok()?;
    let file: Kept = serde_json::from_slice(&bytes).ok()?;
    let age = now.checked_sub(file.measured)?;
    let sound = age < FRESH && file.machine == *machine && (1e-3..1e3).contains(&file.factor);
    sound.then_some(file.factor)
}

fn keep(path: &Path, kept: &Kept) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut staged = Staged::new(path, Access::Umask)?;
    staged.file().write_all(&serde_json::to_vec_pretty(kept)?)?;
    staged.publish()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn machine(threads: usize) -> Machine {
        Machine {
            version: String::new(),
            backend: String::new(),
            constants: String::new(),
            processor: String::new(),
            threads,
        }
    }

    #[test]
    fn a_factor_is_kept_for_its_machine_and_a_day() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("deeper").join("calibration.json");
        let kept_here = |now| kept(&path, &machine(2), now);
        let keep_here = |factor| {
            let file = Kept {
                machine: machine(2),
                measured: 1000,
                factor,
            };
            keep(&path, &file).expect("written");
        };
        assert_eq!(kept_here(5), None);
        keep_here(1.25);
        assert_eq!(kept_here(1000), Some(1.25));
        assert_eq!(kept_here(999 + FRESH), Some(1.25));
        assert_eq!(kept_here(1000 + FRESH), None);
        // A clock that was put back.
        assert_eq!(kept_here(999), None);
        assert_eq!(kept(&path, &machine(3), 1000), None);
        keep_here(0.0);
        assert_eq!(kept_here(1000), None);
        std::fs::write(&path, b"{").expect("written");
        assert_eq!(kept_here(1000), None);
    }
}
