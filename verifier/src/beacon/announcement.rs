//! What a plan announces.

use super::{Beacon, BeaconError, BeaconSource, count};
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

/// The sources that a plan announces, in the order in which their values are combined.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Announcement(Vec<BeaconSource>);

impl Announcement {
    /// The sources.
    pub fn sources(&self) -> &[BeaconSource] {
        &self.0
    }

    /// The words, if they are all there is.
    pub(crate) fn words(&self) -> Option<&str> {
        match self.0.as_slice() {
            [BeaconSource::Words(words)] => Some(words),
            _ => None,
        }
    }

    /// Checks the number of sources, and each of them.
    ///
    /// # Errors
    /// The first thing that is out of range.
    pub fn validate(&self) -> Result<(), BeaconError> {
        count(self.0.len())?;
        self.0.iter().try_for_each(BeaconSource::validate)
    }

    /// Holds values against the sources: as many, of the same sources, in the same order.
    ///
    /// # Errors
    /// The first difference, or a value that is not valid.
    pub fn check(&self, beacon: &Beacon) -> Result<(), BeaconError> {
        beacon.validate()?;
        let got: Vec<Option<&BeaconSource>> = match beacon {
            Beacon::Raw(_) => alloc::vec![None],
            Beacon::Sources(values) => values.iter().map(|value| Some(&value.source)).collect(),
        };
        for (position, (expected, got)) in self.0.iter().zip(&got).enumerate() {
            let same = match (expected, got) {
                (BeaconSource::Words(_), None) => self.words().is_some(),
                (expected, got) => *got == Some(expected),
            };
            if !same {
                return Err(BeaconError::OtherSource {
                    position,
                    expected: expected.to_string(),
                    got: got.map_or("a raw value".to_string(), ToString::to_string),
                });
            }
        }
        if got.len() == self.0.len() {
            Ok(())
        } else {
            Err(BeaconError::ValueCount {
                expected: self.0.len(),
                got: got.len(),
            })
        }
    }
}

impl fmt::Display for Announcement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, source) in self.0.iter().enumerate() {
            let before = if position == 0 { "" } else { "; then " };
            write!(f, "{before}{source}")?;
        }
        Ok(())
    }
}

impl From<&str> for Announcement {
    fn from(words: &str) -> Self {
        words.to_string().into()
    }
}

impl From<String> for Announcement {
    fn from(words: String) -> Self {
        Self(alloc::vec![BeaconSource::Words(words)])
    }
}

impl From<Vec<BeaconSource>> for Announcement {
    fn from(sources: Vec<BeaconSource>) -> Self {
        Self(sources)
    }
}
