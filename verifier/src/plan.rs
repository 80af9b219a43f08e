//! The plan: what a publisher fixes before the beacon value is known.

use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, tagged, to_scalar};
use crate::spec::{ModelSpec, SpecError};
use alloc::string::String;
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde::{Deserialize, Serialize, Serializer};

/// Most bytes of a beacon's description and of a raw beacon value.
pub const MAX_BEACON: usize = 4096;

/// `P(tag_pk; 0)`, the publisher key of every model with a public seed,
/// little-endian.
pub const PUBLIC_SEED_PK: [u8; 32] = [
    0xcf, 0xc5, 0xa0, 0xef, 0x37, 0xc9, 0x88, 0xa8, 0x74, 0xd6, 0x41, 0xcc, 0x0e, 0xe3, 0xea, 0xdb,
    0xb7, 0xc5, 0xce, 0xfa, 0xa9, 0xa1, 0x7c, 0xbd, 0x61, 0xba, 0x2c, 0xed, 0xbe, 0xc1, 0x22, 0x1b,
];

/// A beacon's value, by kind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Beacon {
    /// Bytes whose origin the plan describes in words; the verifier hashes
    /// them and does not check where they come from.
    Raw(#[serde(with = "crate::codec::bytes")] Vec<u8>),
}

impl Beacon {
    /// Digest of kind and value.
    pub fn digest(&self) -> Digest32 {
        match self {
            Self::Raw(value) => tagged("nascent beacon v1", &[&[0], value]),
        }
    }

    /// The field element `b` of the statement.
    pub fn scalar(&self) -> Fr {
        to_scalar(&self.digest())
    }

    /// Checks the size of the value.
    pub fn validate(&self) -> Result<(), PlanError> {
        match self {
            Self::Raw(value) if value.is_empty() || value.len() > MAX_BEACON => {
                Err(PlanError::BeaconValue {
                    limit: MAX_BEACON,
                    got: value.len(),
                })
            }
            Self::Raw(_) => Ok(()),
        }
    }
}

/// Commitment of a publisher to model, key and beacon, made in advance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "PlanFile")]
pub struct Plan {
    /// Architecture and sampling rules.
    pub model: ModelSpec,
    /// `pk = P(tag_pk; sk)` for a hidden seed, little-endian and canonical;
    /// `None` for a public seed (`sk = 0`).
    pub publisher_key: Option<[u8; 32]>,
    /// Which future beacon value will be used, in words.
    pub beacon: String,
    /// When the publisher says the plan was made, seconds since 1970 (not checked).
    pub created: u64,
    /// Whether the proofs also give the digest of the weights. It says nothing
    /// about the weights themselves, which are the same either way.
    pub weight_digest: bool,
}

/// The plan as it is written: seed and weight digest are one enumeration, so
/// that a plan without the digest has the bytes it had before there was one.
#[derive(Deserialize)]
struct PlanFile {
    model: ModelSpec,
    seed: SeedFile,
    beacon: String,
    created: u64,
}

/// As [`PlanFile`], borrowed.
#[derive(Serialize)]
#[serde(rename = "PlanFile")]
struct PlanFileRef<'a> {
    model: &'a ModelSpec,
    seed: SeedFile,
    beacon: &'a str,
    created: u64,
}

/// Whose seed, and whether the weights are digested.
#[derive(Serialize, Deserialize)]
enum SeedFile {
    Public,
    Hidden([u8; 32]),
    PublicDigest,
    HiddenDigest([u8; 32]),
}

impl From<PlanFile> for Plan {
    fn from(file: PlanFile) -> Self {
        let (publisher_key, weight_digest) = match file.seed {
            SeedFile::Public => (None, false),
            SeedFile::Hidden(key) => (Some(key), false),
            SeedFile::PublicDigest => (None, true),
            SeedFile::HiddenDigest(key) => (Some(key), true),
        };
        Self {
            model: file.model,
            publisher_key,
            beacon: file.beacon,
            created: file.created,
            weight_digest,
        }
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let seed = match (self.publisher_key, self.weight_digest) {
            (None, false) => SeedFile::Public,
            (Some(key), false) => SeedFile::Hidden(key),
            (None, true) => SeedFile::PublicDigest,
            (Some(key), true) => SeedFile::HiddenDigest(key),
        };
        let file = PlanFileRef {
            model: &self.model,
            seed,
            beacon: &self.beacon,
            created: self.created,
        };
        file.serialize(serializer)
    }
}

impl Format for Plan {
    const MAGIC: [u8; 8] = *b"nsc.plan";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = ModelSpec::MAX_BYTES + (64 << 10);
    type Error = PlanError;

    fn validate(&self) -> Result<(), PlanError> {
        // `encode` also holds the model to its own size limit.
        self.model.encode()?;
        if self.beacon.is_empty() || self.beacon.len() > MAX_BEACON {
            return Err(PlanError::BeaconText {
                limit: MAX_BEACON,
                got: self.beacon.len(),
            });
        }
        if let Some(key) = &self.publisher_key {
            if !is_canonical_scalar(key) {
                return Err(PlanError::KeyNotCanonical);
            }
            if *key == PUBLIC_SEED_PK {
                return Err(PlanError::HiddenSeedIsPublic);
            }
        }
        Ok(())
    }
}

impl Plan {
    /// Digest of the canonical bytes.
    pub fn digest(&self) -> Result<Digest32, FormatError<PlanError>> {
        Ok(tagged("nascent plan v1", &[&self.encode()?]))
    }

    /// The publisher key of the statement, for either kind of seed.
    pub fn public_key_bytes(&self) -> [u8; 32] {
        self.publisher_key.unwrap_or(PUBLIC_SEED_PK)
    }

    /// The publisher key as a field element.
    pub fn public_key(&self) -> Fr {
        Fr::from_le_bytes_mod_order(&self.public_key_bytes())
    }
}

fn is_canonical_scalar(bytes: &[u8; 32]) -> bool {
    crate::encoding::scalar_from_bytes(bytes).is_ok()
}

/// Why a plan is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// The model specification is not valid.
    #[error("model specification: {0}")]
    Model(#[from] FormatError<SpecError>),
    /// An empty or long description.
    #[error("beacon description of {got} bytes, expected 1 to {limit}")]
    BeaconText {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// An empty or long beacon value.
    #[error("beacon value of {got} bytes, expected 1 to {limit}")]
    BeaconValue {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// A publisher key that is not below the field's order.
    #[error("publisher key is not a canonical field element")]
    KeyNotCanonical,
    /// A plan that claims a hidden seed with the key of the public one.
    #[error("publisher key of a hidden seed is the key of the public seed")]
    HiddenSeedIsPublic,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoding::scalar_to_bytes;
    use ark_ff::Field;

    fn plan(publisher_key: Option<[u8; 32]>) -> Plan {
        Plan {
            model: ModelSpec {
                name: "m".into(),
                graph_digest: [0; 32],
                rules_digest: [0; 32],
                streams: Vec::new(),
                tensors: Vec::new(),
            },
            publisher_key,
            beacon: "tomorrow's value".into(),
            created: 0,
            weight_digest: false,
        }
    }

    /// The layout before there was a weight digest.
    #[derive(Serialize)]
    struct Before {
        model: ModelSpec,
        publisher_key: Option<[u8; 32]>,
        beacon: String,
        created: u64,
    }

    #[test]
    fn plans_without_the_digest_have_the_bytes_they_had() {
        for key in [None, Some([3; 32])] {
            let plain = plan(key);
            let before = Before {
                model: plain.model.clone(),
                publisher_key: key,
                beacon: plain.beacon.clone(),
                created: plain.created,
            };
            let bytes = plain.encode().unwrap();
            assert_eq!(bytes[10..], postcard::to_allocvec(&before).unwrap());
            let digested = Plan {
                weight_digest: true,
                ..plain.clone()
            };
            let other = digested.encode().unwrap();
            assert_eq!(other.len(), bytes.len());
            assert_eq!(Plan::decode(&other), Ok(digested.clone()));
            assert_ne!(digested.digest(), plain.digest());
        }
    }

    #[test]
    fn keys_are_canonical_and_not_the_public_one() {
        let largest = scalar_to_bytes(&-Fr::ONE);
        let hidden = plan(Some(largest));
        assert_eq!(Plan::decode(&hidden.encode().unwrap()), Ok(hidden.clone()));
        assert_eq!(hidden.public_key(), -Fr::ONE);
        let refused = plan(Some([0xff; 32])).validate();
        assert_eq!(refused, Err(PlanError::KeyNotCanonical));
        let refused = plan(Some(PUBLIC_SEED_PK)).validate();
        assert_eq!(refused, Err(PlanError::HiddenSeedIsPublic));
        assert_eq!(plan(None).public_key_bytes(), PUBLIC_SEED_PK);
    }

    #[test]
    fn beacons_are_bounded_and_told_apart() {
        assert!(Beacon::Raw(Vec::new()).validate().is_err());
        assert!(
            Beacon::Raw(alloc::vec![0; MAX_BEACON + 1])
                .validate()
                .is_err()
        );
        let one = Beacon::Raw(alloc::vec![1]);
        assert_eq!(one.validate(), Ok(()));
        assert_ne!(one.digest(), Beacon::Raw(alloc::vec![1, 0]).digest());
        let mut silent = plan(None);
        silent.beacon.clear();
        assert!(matches!(
            silent.validate(),
            Err(PlanError::BeaconText { .. })
        ));
    }
}
