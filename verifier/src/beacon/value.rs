//! The values that came, and their digest.

use super::{BeaconError, BeaconSource, MAX_BEACON, MAX_EVIDENCE, MAX_SOURCES, count};
use crate::codec::Format;
use crate::digest::{Digest32, tagged, to_scalar};
use crate::encoding::scalar_to_bytes;
use crate::poseidon2;
use alloc::vec::Vec;
use ark_bn254::Fr;
use serde::{Deserialize, Serialize};

/// Domain tag of several values together, read as a big-endian integer.
const TAG: &[u8; 14] = b"nascent/bcn/v1";

/// A value with its source and what shows that it is the source's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BeaconValue {
    /// What the value is of.
    pub source: BeaconSource,
    /// The value: drand's randomness, `prevrandao`, a block hash in the order of the header, a
    /// VRF's output, or raw bytes.
    #[serde(with = "crate::codec::bytes")]
    pub value: Vec<u8>,
    /// Signature, headers or proof; empty for a raw value. Not checked by this crate, and not part
    /// of the digest.
    #[serde(with = "crate::codec::bytes")]
    pub evidence: Vec<u8>,
}

impl BeaconValue {
    /// Digest of source and value. The value of words is hashed as [`Beacon::Raw`] is.
    pub fn digest(&self) -> Digest32 {
        tagged("nascent beacon v1", &[&self.source.label(), &self.value])
    }
}

impl Format for BeaconValue {
    const MAGIC: [u8; 8] = *b"nsc.bcon";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = MAX_EVIDENCE + (16 << 10);
    type Error = BeaconError;

    fn validate(&self) -> Result<(), BeaconError> {
        self.source.validate()?;
        let (least, most) = self.source.value_bytes();
        let got = self.value.len();
        if got < least || got > most {
            return Err(BeaconError::Value { least, most, got });
        }
        let limit = match self.source {
            BeaconSource::Words(_) => 0,
            _ => MAX_EVIDENCE,
        };
        if self.evidence.len() > limit {
            return Err(BeaconError::Evidence {
                limit,
                got: self.evidence.len(),
            });
        }
        Ok(())
    }
}

/// The value that a plan's beacon took.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beacon {
    /// Bytes whose origin the plan describes in words; the verifier hashes
    /// them and does not check where they come from.
    Raw(#[serde(with = "crate::codec::bytes")] Vec<u8>),
    /// Values of the plan's sources, in its order.
    Sources(
        #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_SOURCES>")] Vec<BeaconValue>,
    ),
}

impl From<Vec<BeaconValue>> for Beacon {
    /// One value of words alone is [`Beacon::Raw`]: it has one form.
    fn from(mut values: Vec<BeaconValue>) -> Self {
        if let [one] = values.as_mut_slice()
            && matches!(one.source, BeaconSource::Words(_))
        {
            return Self::Raw(core::mem::take(&mut one.value));
        }
        Self::Sources(values)
    }
}

impl Beacon {
    /// Digest of kind and value; of several, one Poseidon2 permutation over their number and
    /// their digests, in order: `P(tag; n, d_1, .., d_n)`, big-endian.
    pub fn digest(&self) -> Digest32 {
        match self {
            Self::Raw(value) => tagged("nascent beacon v1", &[&[0], value]),
            Self::Sources(values) => match values.as_slice() {
                [one] => one.digest(),
                several => combine(several),
            },
        }
    }

    /// The field element `b` of the statement.
    pub fn scalar(&self) -> Fr {
        to_scalar(&self.digest())
    }

    /// The values with their sources; none for raw bytes.
    pub fn values(&self) -> &[BeaconValue] {
        match self {
            Self::Raw(_) => &[],
            Self::Sources(values) => values,
        }
    }

    /// Checks number and sizes of the values.
    ///
    /// # Errors
    /// The first thing that is out of range.
    pub fn validate(&self) -> Result<(), BeaconError> {
        match self {
            Self::Raw(value) if value.is_empty() || value.len() > MAX_BEACON => {
                Err(BeaconError::Value {
                    least: 1,
                    most: MAX_BEACON,
                    got: value.len(),
                })
            }
            Self::Raw(_) => Ok(()),
            Self::Sources(values) => {
                count(values.len())?;
                if let [one] = values.as_slice()
                    && matches!(one.source, BeaconSource::Words(_))
                {
                    return Err(BeaconError::SecondForm);
                }
                values.iter().try_for_each(Format::validate)
            }
        }
    }
}

fn combine(values: &[BeaconValue]) -> Digest32 {
    let mut tag = [0; 32];
    let (_, low) = tag.split_at_mut(32 - TAG.len());
    low.copy_from_slice(TAG);
    let number = Fr::from(u64::try_from(values.len()).unwrap_or(u64::MAX));
    let digests = values.iter().map(|value| to_scalar(&value.digest()));
    let inputs: Vec<Fr> = core::iter::once(number).chain(digests).collect();
    let mut digest = scalar_to_bytes(&poseidon2::hash(to_scalar(&tag), &inputs));
    digest.reverse();
    digest
}
