//! The plan: what a publisher fixes before the beacon value is known.

use crate::beacon::{Announcement, BeaconError, BeaconSource, MAX_SOURCES};
use crate::codec::{Format, FormatError};
use crate::digest::{Digest32, tagged};
use crate::spec::{ModelSpec, SpecError};
use alloc::string::String;
use alloc::vec::Vec;
use ark_bn254::Fr;
use ark_ff::PrimeField;
use serde::{Deserialize, Serialize, Serializer};

/// `P(tag_pk; 0)`, the publisher key of every model with a public seed,
/// little-endian.
pub const PUBLIC_SEED_PK: [u8; 32] = [
    0xcf, 0xc5, 0xa0, 0xef, 0x37, 0xc9, 0x88, 0xa8, 0x74, 0xd6, 0x41, 0xcc, 0x0e, 0xe3, 0xea, 0xdb,
    0xb7, 0xc5, 0xce, 0xfa, 0xa9, 0xa1, 0x7c, 0xbd, 0x61, 0xba, 0x2c, 0xed, 0xbe, 0xc1, 0x22, 0x1b,
];

/// Commitment of a publisher to model, key and beacon, made in advance.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "PlanFile")]
pub struct Plan {
    /// Architecture and sampling rules.
    pub model: ModelSpec,
    /// `pk = P(tag_pk; sk)` for a hidden seed, little-endian and canonical;
    /// `None` for a public seed (`sk = 0`).
    pub publisher_key: Option<[u8; 32]>,
    /// Which future beacon values will be used.
    pub beacon: Announcement,
    /// When the publisher says the plan was made, seconds since 1970 (not checked).
    pub created: u64,
    /// Whether the proofs also give the digest of the weights. It says nothing
    /// about the weights themselves, which are the same either way.
    pub weight_digest: bool,
}

/// The plan as it is written: seed, weight digest and beacon sources are one
/// enumeration, so that a plan without the later ones has the bytes it had
/// before there were any.
#[derive(Deserialize)]
struct PlanFile {
    model: ModelSpec,
    seed: SeedFile,
    /// Words; empty where the sources are listed.
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

/// Whose seed, whether the weights are digested, and the beacon's sources where
/// they are more than words.
#[derive(Serialize, Deserialize)]
enum SeedFile {
    Public,
    Hidden([u8; 32]),
    PublicDigest,
    HiddenDigest([u8; 32]),
    Sources {
        publisher_key: Option<[u8; 32]>,
        weight_digest: bool,
        #[serde(deserialize_with = "crate::codec::bounded::<_, _, MAX_SOURCES>")]
        sources: Vec<BeaconSource>,
    },
}

impl SeedFile {
    fn new(plan: &Plan) -> Self {
        match (plan.beacon.words(), plan.publisher_key, plan.weight_digest) {
            (None, publisher_key, weight_digest) => Self::Sources {
                publisher_key,
                weight_digest,
                sources: plan.beacon.sources().to_vec(),
            },
            (Some(_), None, false) => Self::Public,
            (Some(_), Some(key), false) => Self::Hidden(key),
            (Some(_), None, true) => Self::PublicDigest,
            (Some(_), Some(key), true) => Self::HiddenDigest(key),
        }
    }
}

impl From<PlanFile> for Plan {
    fn from(file: PlanFile) -> Self {
        let words = Announcement::from(file.beacon);
        let (publisher_key, weight_digest, beacon) = match file.seed {
            SeedFile::Public => (None, false, words),
            SeedFile::Hidden(key) => (Some(key), false, words),
            SeedFile::PublicDigest => (None, true, words),
            SeedFile::HiddenDigest(key) => (Some(key), true, words),
            // Words beside the list are lost here, and refused: they would not be written again.
            SeedFile::Sources {
                publisher_key,
                weight_digest,
                sources,
            } => (publisher_key, weight_digest, sources.into()),
        };
        Self {
            model: file.model,
            publisher_key,
            beacon,
            created: file.created,
            weight_digest,
        }
    }
}

impl Serialize for Plan {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let file = PlanFileRef {
            model: &self.model,
            seed: SeedFile::new(self),
            beacon: self.beacon.words().unwrap_or_default(),
            created: self.created,
        };
        file.serialize(serializer)
    }
}

impl Format for Plan {
    const MAGIC: [u8; 8] = *b"nsc.plan";
    const VERSION: u16 = 2;
    const MAX_BYTES: usize = ModelSpec::MAX_BYTES + (64 << 10);
    type Error = PlanError;

    fn validate(&self) -> Result<(), PlanError> {
        // `encode` also holds the model to its own size limit.
        self.model.encode()?;
        self.beacon.validate()?;
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
        Ok(tagged("nascent plan v2", &[&self.encode()?]))
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
    /// The announced beacon is not valid.
    #[error(transparent)]
    Beacon(#[from] BeaconError),
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
                kept: Vec::new(),
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
                beacon: "tomorrow's value".into(),
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

    fn source(round: u64) -> BeaconSource {
        BeaconSource::Drand {
            chain: [7; 32],
            round,
        }
    }

    #[test]
    fn sources_are_written_and_read_again() {
        for key in [None, Some([3; 32])] {
            for weight_digest in [false, true] {
                let listed = Plan {
                    beacon: alloc::vec![source(1), BeaconSource::Words("w".into())].into(),
                    weight_digest,
                    ..plan(key)
                };
                let bytes = listed.encode().unwrap();
                assert_eq!(Plan::decode(&bytes), Ok(listed));
            }
        }
    }

    /// A list of words alone, and words beside a list: second forms.
    #[test]
    fn a_plan_has_one_form() {
        let forged = |sources, beacon: &str| {
            let plain = plan(None);
            let file = PlanFileRef {
                model: &plain.model,
                seed: SeedFile::Sources {
                    publisher_key: None,
                    weight_digest: false,
                    sources,
                },
                beacon,
                created: 0,
            };
            let mut bytes = plain.encode().unwrap();
            bytes.truncate(10);
            bytes.extend(postcard::to_allocvec(&file).unwrap());
            Plan::decode(&bytes)
        };
        assert!(forged(alloc::vec![source(1)], "").is_ok());
        let refused = forged(alloc::vec![source(1)], "words");
        assert_eq!(refused, Err(FormatError::NotCanonical));
        let words = BeaconSource::Words("tomorrow's value".into());
        assert_eq!(
            forged(alloc::vec![words], ""),
            Err(FormatError::NotCanonical)
        );
        let many = (1..=9).map(source).collect();
        assert!(matches!(forged(many, ""), Err(FormatError::Malformed(_))));
    }

    #[test]
    fn announcements_are_bounded() {
        let with = |beacon: Announcement| Plan {
            beacon,
            ..plan(None)
        };
        assert!(with("".into()).validate().is_err());
        assert!(with(Vec::new().into()).validate().is_err());
        assert!(with(alloc::vec![source(0)].into()).validate().is_err());
        assert_eq!(with(alloc::vec![source(1)].into()).validate(), Ok(()));
    }
}
