//! Beacon values with their evidence: read, checked, and told.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::Context;
use nascent_beacons::Finding;
use nascent_verifier::{Beacon, BeaconSource, BeaconValue, Plan};
use serde_json::{Value, json};
use std::path::Path;

/// A value whose evidence was checked.
#[derive(Debug)]
pub struct Checked<'a> {
    pub value: &'a BeaconValue,
    pub finding: Finding,
    /// What the caller knows it by, in words, beside the evidence.
    known: Option<&'static str>,
}

/// What a caller knows of beacons from elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Hashes of blocks that are final, as they are displayed; if there are any, every block must
    /// be one of them.
    pub blocks: &'a [[u8; 32]],
    /// Keys of trusted VRF holders; if there are any, every key must be one of them.
    pub vrf_keys: &'a [[u8; 32]],
}

impl Known<'_> {
    /// What of a value's source the caller knows.
    fn of(&self, value: &BeaconValue, finding: &Finding) -> Result<Option<&'static str>> {
        let refused = |what: &str, bytes: [u8; 32]| {
            let message = format!("the {what} {} is none that you gave", hex::encode(bytes));
            Err(Failure::new(Kind::Refused, message))
        };
        if let Some(hash) = finding.block_hash()
            && !self.blocks.is_empty()
        {
            if !self.blocks.contains(&hash) {
                return refused("block", hash);
            }
            return Ok(Some("the block's hash is one that you gave"));
        }
        if let BeaconSource::Vrf { key, .. } = value.source
            && !self.vrf_keys.is_empty()
        {
            if !self.vrf_keys.contains(&key) {
                return refused("VRF key", key);
            }
            return Ok(Some("the VRF's key is one that you gave"));
        }
        Ok(None)
    }
}

impl Known<'_> {
    /// What is known of blocks or keys from elsewhere was of use for one of a plan's values.
    ///
    /// # Errors
    /// There is none of the kind: then nothing was held against it.
    pub fn check_used(&self, values: &[Checked<'_>]) -> Result<()> {
        let block = |of: &Checked<'_>| of.finding.block_hash().is_some();
        let vrf = |of: &Checked<'_>| matches!(of.value.source, BeaconSource::Vrf { .. });
        let missing = [
            (
                !self.blocks.is_empty() && !values.iter().any(block),
                "block",
            ),
            (
                !self.vrf_keys.is_empty() && !values.iter().any(vrf),
                "VRF's output",
            ),
        ];
        match missing.iter().find(|(missing, _)| *missing) {
            Some((_, what)) => {
                let message = format!(
                    "no value of the beacon is a {what}, so what you know of it holds nothing"
                );
                Err(Failure::new(Kind::Refused, message))
            }
            None => Ok(()),
        }
    }
}

impl Checked<'_> {
    /// Whether it is shown that nobody made the value to suit.
    pub fn is_established(&self) -> bool {
        self.established_by().is_some()
    }

    /// What shows that.
    pub fn established_by(&self) -> Option<&'static str> {
        self.known.or_else(|| self.finding.established_by())
    }

    /// Whether the value is established, and by what or why not.
    pub fn verdict(&self) -> String {
        match self.established_by() {
            Some(by) => format!("established: {by}"),
            None => {
                let why = self.finding.leaves_open().first();
                format!("NOT ESTABLISHED: not shown {}", why.unwrap_or(&"at all"))
            }
        }
    }

    /// What the evidence shows.
    pub fn shown(&self) -> String {
        match self.known {
            Some(known) => format!("{}; {known}", self.finding),
            None => self.finding.to_string(),
        }
    }

    /// What stays open, and whether the plan's own date contradicts it.
    pub fn leaves_open(&self, plan: Option<&Plan>) -> Vec<&'static str> {
        let mut open = self.finding.leaves_open().to_vec();
        if self.known.is_some() && !self.finding.is_established() {
            // The first item is why the evidence alone is not enough.
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
            "established_by": self.established_by(),
            "verdict": self.verdict(),
            "block_hash": self.finding.block_hash().map(hex::encode),
            "time": self.finding.time(),
        })
    }

    /// Prints the value, what its evidence shows and what not.
    pub fn print(&self, context: &Context, plan: Option<&Plan>) {
        let line = |name: &str, text: &str| context.result(format!("  {name:<12} {text}"));
        line("source", &self.value.source.to_string());
        line("value", &hex::encode(&self.value.value));
        line("shown", &self.shown());
        line("so it is", &self.verdict());
        for open in self.leaves_open(plan) {
            line("not shown", open);
        }
    }
}

/// Whether a beacon's values are established, every one. A beacon without sources has none.
pub fn establish(values: &[Checked<'_>]) -> bool {
    !values.is_empty() && values.iter().all(Checked::is_established)
}

/// Checks the evidence of every value.
pub fn check<'a>(beacon: &'a Beacon, known: &Known<'_>) -> Result<Vec<Checked<'a>>> {
    let checked = beacon.values().iter().enumerate();
    checked
        .map(|(position, value)| {
            check_one(value, known).doing(format!("beacon value {}", position.saturating_add(1)))
        })
        .collect()
}

/// Checks the evidence of one value.
pub fn check_one<'a>(value: &'a BeaconValue, known: &Known<'_>) -> Result<Checked<'a>> {
    let finding = nascent_beacons::check(value)
        .or_fail(Kind::Refused)
        .help("get the evidence again, from another place; see `nascent beacon`")?;
    let known = known.of(value, &finding)?;
    Ok(Checked {
        value,
        finding,
        known,
    })
}

/// Reads a file of `nascent beacon`, and checks it.
pub fn read(path: &Path) -> Result<BeaconValue> {
    let value: BeaconValue = files::read(path)?;
    check_one(&value, &Known::default()).doing(path.display().to_string())?;
    Ok(value)
}
