//! What the command asks the machine: folders, memory, time.

use crate::failure::{Failure, Kind, Result};
use crate::output::{self, Context};
use nascent::calibration::{CostModel, available_memory};
use std::path::PathBuf;
use std::time::{SystemTime, UNIX_EPOCH};

/// `$XDG_CACHE_HOME/nascent`, or `~/.cache/nascent`.
pub fn cache_folder() -> Result<PathBuf> {
    let absolute = |name: &str| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_CACHE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
        .map(|folder| folder.join("nascent"))
        .ok_or_else(|| {
            Failure::new(
                Kind::Environment,
                "no folder for the cache: neither XDG_CACHE_HOME nor HOME is set",
            )
            .help("name one with --cache DIR or NASCENT_CACHE")
        })
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs())
}

/// The constants of the predictions, for this machine.
pub fn cost_model(context: &Context) -> CostModel {
    nascent::calibration::cost_model(&context.setting(), &processor(), now())
}

/// The most memory this process has held, in bytes, where the system tells.
pub fn peak_memory() -> Option<u64> {
    field("/proc/self/status", "VmHWM:")
}

/// Refuses work that is known to take more memory than there is, unless `anyway`: to be ended by the
/// system in the middle helps nobody.
pub fn check_memory(what: &str, needed: u64, anyway: bool) -> Result<()> {
    let Some(free) = available_memory().filter(|free| *free < needed && !anyway) else {
        return Ok(());
    };
    let message = format!(
        "memory is short: {} predicted for {what}, {} free",
        output::bytes(needed),
        output::bytes(free)
    );
    Err(Failure::new(Kind::Environment, message))
}

/// Which processor this is, where the system tells.
fn processor() -> String {
    let text = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("model name"));
    let name = line.and_then(|line| line.split_once(':'));
    name.map_or(String::new(), |(_, name)| name.trim().to_owned())
}

/// A line `NAME 123 kB` of a file, in bytes.
fn field(path: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(path).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kilobytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kilobytes.checked_mul(1024)
}
