//! Beacon values with their evidence: read, checked, and told.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::Context;
use nascent_beacons::Finding;
use nascent_verifier::{Beacon, BeaconValue, Plan};
use serde_json::{Value, json};
use std::path::Path;

/// A value whose evidence was checked.
#[derive(Debug)]
pub struct Checked<'a> {
    pub value: &'a BeaconValue,
    pub finding: Finding,
    /// Whether its block hash is one that the caller knows.
    known_block: bool,
}

impl Checked<'_> {
    /// Whether the value is shown to be its source's.
    pub fn is_established(&self) -> bool {
        self.finding.is_established() || self.known_block
    }

    /// What the evidence shows.
    pub fn shown(&self) -> String {
        let known = if self.known_block {
            "; the block's hash is one that you gave"
        } else {
            ""
        };
        format!("{}{known}", self.finding)
    }

    /// What stays open, and whether the plan's own date contradicts it.
    pub fn leaves_open(&self, plan: Option<&Plan>) -> Vec<&'static str> {
        let mut open = self.finding.leaves_open().to_vec();
        if self.known_block && !self.finding.is_established() {
            // The first item is that the header is the chain's.
            open.remove(0);
        }
        let late = plan.zip(self.finding.time());
        if late.is_some_and(|(plan, time)| plan.created >= time) {
            open.push(
                "THAT ANYTHING WAS LEFT TO CHANCE: by its own date the plan was made after this value was out",
            );
        }
        open
    }

    /// For `--json`.
    pub fn json(&self, plan: Option<&Plan>) -> Value {
        json!({
            "source": self.value.source.to_string(),
            "value": hex::encode(&self.value.value),
            "digest": hex::encode(self.value.digest()),
            "shows": self.finding.to_string(),
            "leaves_open": self.leaves_open(plan),
            "established": self.is_established(),
            "block_hash": self.finding.block_hash().map(hex::encode),
            "time": self.finding.time(),
        })
    }

    /// Prints the value, what its evidence shows and what not.
    pub fn print(&self, context: &Context, plan: Option<&Plan>) {
        let line = |name: &str, text: &str| context.result(format!("  {name:<12} {text}"));
        line("source", &self.value.source.to_string());
        line("value", &hex::encode(&self.value.value));
        line("shown", &self.finding.to_string());
        if self.known_block {
            line("", "the block's hash is one that you gave");
        }
        for open in self.leaves_open(plan) {
            line("not shown", open);
        }
    }
}

/// Checks the evidence of every value. `known` are hashes of blocks that the caller knows to be
/// final, as they are displayed; if there are any, every block must be one of them.
pub fn check<'a>(beacon: &'a Beacon, known: &[[u8; 32]]) -> Result<Vec<Checked<'a>>> {
    let checked = beacon.values().iter().enumerate();
    checked
        .map(|(position, value)| {
            check_one(value, known).doing(format!("beacon value {}", position.saturating_add(1)))
        })
        .collect()
}

/// Checks the evidence of one value.
pub fn check_one<'a>(value: &'a BeaconValue, known: &[[u8; 32]]) -> Result<Checked<'a>> {
    let finding = nascent_beacons::check(value)
        .or_fail(Kind::Refused)
        .help("get the evidence again, from another place; see `nascent beacon`")?;
    let known_block = match finding.block_hash() {
        Some(hash) if !known.is_empty() => {
            if !known.contains(&hash) {
                let message = format!("the block {} is none that you gave", hex::encode(hash));
                return Err(Failure::new(Kind::Refused, message));
            }
            true
        }
        _ => false,
    };
    Ok(Checked {
        value,
        finding,
        known_block,
    })
}

/// Reads a file of `nascent beacon`, and checks it.
pub fn read(path: &Path) -> Result<BeaconValue> {
    let value: BeaconValue = files::read(path)?;
    check_one(&value, &[]).doing(path.display().to_string())?;
    Ok(value)
}
