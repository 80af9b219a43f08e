//! Beacon values with their evidence: checked, and told.

use crate::error::{Failure, Kind};
use nascent_beacons::{EvidenceError as Unproven, Finding};
use nascent_verifier::{Beacon, BeaconSource, BeaconValue, Digest32, Plan};
use serde::Serialize;

pub use nascent_beacons::parse_source;

/// A source's value, with the evidence that it is read from.
///
/// # Errors
/// The evidence does not hold, or shows no value.
pub fn value(source: BeaconSource, evidence: Vec<u8>) -> Result<BeaconValue, EvidenceError> {
    let established = nascent_beacons::establish(source, evidence);
    let (value, _) = established.map_err(|source| EvidenceError::Value {
        position: 1,
        source,
    })?;
    Ok(value)
}

/// Why a beacon value is refused.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EvidenceError {
    /// Its evidence does not hold.
    #[error("beacon value {position}")]
    Value {
        /// Which, from 1.
        position: usize,
        /// Why not.
        source: Unproven,
    },
    /// The caller knows others.
    #[error("the {what} {} is none that you gave", hex::encode(value))]
    Unknown {
        /// A block or a key.
        what: &'static str,
        /// Its hash, or the key.
        value: Digest32,
    },
    /// What the caller knows is of another kind of source.
    #[error("no value of the beacon is a {what}, so what you know of it holds nothing")]
    Unused {
        /// What the caller knows of.
        what: &'static str,
    },
}

impl Failure for EvidenceError {
    fn kind(&self) -> Kind {
        Kind::Refused
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Value { .. } => {
                Some("get the evidence again, from another place; see `nascent beacon`".to_owned())
            }
            Self::Unknown { .. } | Self::Unused { .. } => None,
        }
    }
}

/// A value whose evidence was checked.
#[derive(Debug)]
pub struct Checked<'a> {
    /// The value.
    pub value: &'a BeaconValue,
    /// What its evidence shows.
    pub finding: Finding,
    /// What the caller knows it by, in words, beside the evidence.
    known: Option<&'static str>,
}

/// What a caller knows of beacons from elsewhere.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known<'a> {
    /// Hashes of blocks that are final, as they are displayed; if there are any, every block must
    /// be one of them.
    pub blocks: &'a [Digest32],
    /// Keys of trusted VRF holders; if there are any, every key must be one of them.
    pub vrf_keys: &'a [Digest32],
}

impl Known<'_> {
    /// What of a value's source the caller knows.
    fn of(
        &self,
        value: &BeaconValue,
        finding: &Finding,
    ) -> Result<Option<&'static str>, EvidenceError> {
        if let Some(value) = finding.block_hash()
            && !self.blocks.is_empty()
        {
            if !self.blocks.contains(&value) {
                let what = "block";
                return Err(EvidenceError::Unknown { what, value });
            }
            return Ok(Some("the block's hash is one that you gave"));
        }
        if let BeaconSource::Vrf { key: value, .. } = value.source
            && !self.vrf_keys.is_empty()
        {
            if !self.vrf_keys.contains(&value) {
                let what = "VRF key";
                return Err(EvidenceError::Unknown { what, value });
            }
            return Ok(Some("the VRF's key is one that you gave"));
        }
        Ok(None)
    }

    /// What is known of blocks or keys from elsewhere was of use for one of a plan's values.
    ///
    /// # Errors
    /// There is none of the kind: then nothing was held against it.
    pub fn check_used(&self, values: &[Checked<'_>]) -> Result<(), EvidenceError> {
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
            Some((_, what)) => Err(EvidenceError::Unused { what }),
            None => Ok(()),
        }
    }
}

/// A value and its evidence, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct ValueReport {
    /// Whose value it is.
    pub source: String,
    /// The value, in hexadecimal.
    pub value: String,
    /// Its digest.
    pub digest: String,
    /// What the evidence shows.
    pub shows: String,
    /// What stays open.
    pub leaves_open: Vec<&'static str>,
    /// Whether it is shown that nobody made the value to suit.
    pub established: bool,
    /// What shows that.
    pub established_by: Option<&'static str>,
    /// The same in a sentence.
    pub verdict: String,
    /// Hash of the block, as it is displayed.
    pub block_hash: Option<String>,
    /// When the value was out, in seconds since 1970.
    pub time: Option<u64>,
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

    /// All of it, for machines.
    pub fn report(&self, plan: Option<&Plan>) -> ValueReport {
        ValueReport {
            source: self.value.source.to_string(),
            value: hex::encode(&self.value.value),
            digest: hex::encode(self.value.digest()),
            shows: self.finding.to_string(),
            leaves_open: self.leaves_open(plan),
            established: self.is_established(),
            established_by: self.established_by(),
            verdict: self.verdict(),
            block_hash: self.finding.block_hash().map(hex::encode),
            time: self.finding.time(),
        }
    }
}

/// Whether a beacon's values are established, every one. A beacon without sources has none.
pub fn establish(values: &[Checked<'_>]) -> bool {
    !values.is_empty() && values.iter().all(Checked::is_established)
}

/// Checks the evidence of every value of a beacon.
///
/// # Errors
/// Evidence that does not hold; a block or a key that the caller does not know.
pub fn check<'a>(beacon: &'a Beacon, known: &Known<'_>) -> Result<Vec<Checked<'a>>, EvidenceError> {
    let values = (1..).zip(beacon.values());
    values
        .map(|(position, value)| check_value(position, value, known))
        .collect()
}

/// Checks the evidence of one value, the beacon's `position`-th.
///
/// # Errors
/// As [`check`].
pub fn check_value<'a>(
    position: usize,
    value: &'a BeaconValue,
    known: &Known<'_>,
) -> Result<Checked<'a>, EvidenceError> {
    let finding = nascent_beacons::check(value)
        .map_err(|source| EvidenceError::Value { position, source })?;
    let known = known.of(value, &finding)?;
    Ok(Checked {
        value,
        finding,
        known,
    })
}
