//! Verifying keys: derived from a circuit's source, kept, or as they came.

use crate::error::{Failure, Kind};
use crate::setting::Setting;
use crate::srs::{self, SrsError};
use crate::words;
use nascent_circuits::tile::ShapeError;
use nascent_prover::error::KeyError;
use nascent_prover::estimate::{CostModel, TileCost};
use nascent_prover::keys::{KeyStore, TileKeys};
use nascent_verifier::{Digest32, StreamProofs, StreamSpec, VerifyingKey};

pub use nascent_circuits::tile::TileParams;

/// Where a verifying key came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyOrigin {
    /// Derived for this verification.
    Rederived,
    /// Derived on this machine earlier.
    MadeHere,
    /// Given by the caller.
    Given,
    /// It came with the proofs.
    Beside,
}

impl KeyOrigin {
    /// For machines.
    pub fn name(self) -> &'static str {
        match self {
            Self::Rederived => "rederived",
            Self::MadeHere => "made-here",
            Self::Given => "given",
            Self::Beside => "beside-bundle",
        }
    }

    /// For people.
    pub fn words(self) -> &'static str {
        match self {
            Self::Rederived => "derived anew from the circuit's source, and the same",
            Self::MadeHere => "derived on this machine earlier",
            Self::Given => "the file you gave; its origin is for you to know",
            Self::Beside => {
                "came WITH THE PROOFS: whoever made them could have made a key for which lies pass"
            }
        }
    }

    /// Whether the key is known to be the circuit's.
    pub fn is_known(self) -> bool {
        matches!(self, Self::Rederived | Self::MadeHere)
    }
}

impl serde::Serialize for KeyOrigin {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeysError {
    /// Its SRS.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// The part of the cache that holds keys, or the derivation.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// There is no such tile.
    #[error(transparent)]
    Tile(#[from] ShapeError),
    /// To derive it takes more memory than the caller allows.
    #[error(
        "to derive its verifying key takes about {} of memory, the limit is {}",
        words::bytes(*needed),
        words::bytes(*limit)
    )]
    Memory {
        /// Bytes that it takes.
        needed: u64,
        /// Bytes allowed.
        limit: u64,
    },
    /// None with this digest is there.
    #[error("no verifying key {} at hand", hex::encode(digest))]
    Missing {
        /// The digest that a proof names.
        digest: Digest32,
    },
    /// A proof is under another key than its circuit's.
    #[error(
        "a proof uses the verifying key {}, the circuit's is {}",
        hex::encode(got),
        hex::encode(expected)
    )]
    Differs {
        /// The circuit's.
        expected: Digest32,
        /// The one that the proof names.
        got: Digest32,
    },
}

impl Failure for KeysError {
    fn kind(&self) -> Kind {
        match self {
            Self::Srs(error) => error.kind(),
            Self::Key(KeyError::Io { .. }) | Self::Missing { .. } => Kind::Environment,
            Self::Key(KeyError::Format { .. }) | Self::Tile(_) | Self::Memory { .. } => Kind::Input,
            Self::Key(_) => Kind::Internal,
            Self::Differs { .. } => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Srs(error) => return error.help(),
            Self::Key(_) | Self::Tile(_) => return None,
            Self::Memory { .. } => "--max-memory GIB allows more, if you trust the file".to_owned(),
            Self::Missing { .. } => "--rederive-key makes it anew, --key FILE gives one".to_owned(),
            Self::Differs { .. } => {
                "it was made by another version of nascent, or with a key made \
                                     up to deceive"
                    .to_owned()
            }
        })
    }
}

/// The part of the cache that holds verifying keys made here.
pub fn store(setting: &Setting<'_>) -> KeyStore {
    KeyStore::new(setting.cache.join("keys"))
}

/// Derives the verifying key of a kind of tile.
///
/// # Errors
/// A key that takes more memory than the caller allows, before it is taken; its SRS is not there.
pub fn of_tile(
    setting: &Setting<'_>,
    params: &TileParams,
    srs: &Digest32,
) -> Result<VerifyingKey, KeysError> {
    allow(
        setting,
        CostModel::REFERENCE.peak_memory(&TileCost::new(params), 0),
    )?;
    let loaded = srs::load(setting, srs, params.k)?;
    let step = format!("deriving the verifying key of 2^{} rows", params.k);
    setting.observer.progress(&step, 0, 1);
    let key = TileKeys::derive(params, &loaded)?;
    setting.observer.progress(&step, 1, 1);
    Ok(key)
}

/// The kind of tile that the proofs of a stream are of.
///
/// # Errors
/// There is none of that size.
pub fn tile_of(
    spec: &StreamSpec,
    proofs: &StreamProofs,
    weight_digest: bool,
) -> Result<TileParams, KeysError> {
    let params = TileParams::new(u32::from(proofs.k), spec.distribution, spec.precision)?;
    Ok(params.with_weight_digest(weight_digest))
}

/// Bytes that it takes to derive a verifying key: its circuit's layout, the SRS and the fixed
/// columns, each of `2^k` rows.
pub fn memory(layout: u64, k: u32, fixed_columns: usize) -> u64 {
    let threads = rayon::current_num_threads() as u64;
    let key = CostModel::REFERENCE.derivation_memory(k, fixed_columns as u64, threads);
    layout.saturating_add(key)
}

/// Refuses to derive a verifying key that takes more than the caller allows.
pub(crate) fn allow(setting: &Setting<'_>, needed: u64) -> Result<(), KeysError> {
    let limit = setting.memory;
    if needed <= limit {
        return Ok(());
    }
    Err(KeysError::Memory { needed, limit })
}

/// Where a verifier takes keys from.
#[derive(Debug, Clone, Default)]
pub struct KeySource {
    /// Derive every key, also those that are known.
    pub rederive: bool,
    /// Keys that the caller names.
    pub given: Vec<VerifyingKey>,
    /// Keys that came with the proofs.
    pub beside: Vec<VerifyingKey>,
}

impl KeySource {
    /// A key for the digest that a proof names: derived if that was asked for, or if it can be; one
    /// derived here earlier; one that was given, or came with the proof.
    ///
    /// `derive` gives none where the circuit is not known.
    ///
    /// # Errors
    /// None is there, or it is another than the circuit's.
    pub fn find<E: From<KeysError>>(
        &self,
        setting: &Setting<'_>,
        digest: &Digest32,
        derive: impl FnOnce() -> Result<Option<VerifyingKey>, E>,
    ) -> Result<(VerifyingKey, KeyOrigin), E> {
        let store = store(setting);
        if !self.rederive
            && let Some(key) = store.find(digest).map_err(KeysError::from)?
        {
            return Ok((key, KeyOrigin::MadeHere));
        }
        if let Some(key) = derive()? {
            if key.digest() != digest {
                let (expected, got) = (*key.digest(), *digest);
                return Err(KeysError::Differs { expected, got }.into());
            }
            // Keys of tiles are kept by what they prove, others by their digest. A cache that cannot
            // be written costs time, and nothing else.
            if key.tile().is_none()
                && let Err(error) = store.keep(&key)
            {
                let words = format!("a key is not kept for the next time: {error}");
                setting.observer.warn(&words);
            }
            return Ok((key, KeyOrigin::Rederived));
        }
        let sources = [
            (&self.given, KeyOrigin::Given),
            (&self.beside, KeyOrigin::Beside),
        ];
        for (keys, origin) in sources {
            if let Some(key) = keys.iter().find(|key| key.digest() == digest) {
                return Ok((key.clone(), origin));
            }
        }
        Err(KeysError::Missing { digest: *digest }.into())
    }
}
