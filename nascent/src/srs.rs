//! Structured reference strings: found, loaded, made smaller.

use crate::error::{Failure, Kind};
use crate::setting::{Setting, SrsProgress};
use nascent_params::{ParamsError, Srs, SrsCache, development_identity};
use nascent_verifier::Digest32;
use std::path::{Path, PathBuf};

pub use nascent_params::ImportOptions;

/// Why there is no SRS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsError {
    /// An SRS of a size could not be had.
    #[error("SRS {} of size 2^{k}", hex::encode(identity))]
    Load {
        /// Its digest.
        identity: Digest32,
        /// Its size.
        k: u32,
        /// Why not.
        source: Box<ParamsError>,
    },
    /// Another fault of a file, or of the cache.
    #[error(transparent)]
    Params(Box<ParamsError>),
    /// The development SRS of this program is not one.
    #[error(transparent)]
    Development(#[from] nascent_verifier::SrsError),
    /// Proofs under the development SRS, which the caller does not accept.
    #[error("it was made under the development SRS, whose trapdoor is public: {consequence}")]
    Forgeable {
        /// What such a file is worth.
        consequence: &'static str,
    },
    /// Proofs under another SRS, though the caller asks for the development SRS.
    #[error("it says that it was not made under the development SRS")]
    NotDevelopment,
    /// One of this size is not kept, or is damaged.
    #[error(transparent)]
    Kept(Box<ParamsError>),
    /// A `.ptau` file holds more than anyone wants.
    #[error("how many powers of the .ptau file?")]
    NoSize,
    /// None was named, and there is none.
    #[error("no SRS: none was imported")]
    None,
    /// None was named, and there are several.
    #[error("several SRS are imported")]
    Several,
    /// The one that proofs were made under is not there.
    #[error("SRS {} is not at hand", hex::encode(identity))]
    NotAtHand {
        /// Its digest.
        identity: Digest32,
    },
}

impl From<ParamsError> for SrsError {
    fn from(error: ParamsError) -> Self {
        Self::Params(Box::new(error))
    }
}

impl Failure for SrsError {
    fn kind(&self) -> Kind {
        match self {
            Self::Load { source, .. } | Self::Params(source) | Self::Kept(source) => {
                params_kind(source)
            }
            Self::Development(_) => Kind::Internal,
            Self::Forgeable { .. } | Self::NotDevelopment => Kind::Refused,
            Self::None | Self::Several | Self::NoSize => Kind::Usage,
            Self::NotAtHand { .. } => Kind::Environment,
        }
    }

    fn help(&self) -> Option<String> {
        Some(match self {
            Self::Load { source, k, .. } if matches!(**source, ParamsError::Io { .. }) => {
                format!("import it: nascent srs import FILE.ptau --k {k}")
            }
            Self::Load { .. } => "remove the damaged file and import the SRS again".to_owned(),
            Self::Params(_) | Self::Development(_) => return None,
            Self::Kept(_) => "`nascent srs info` lists what is kept".to_owned(),
            Self::NoSize => "--k K keeps 2^K; proofs of large models use 18 to 20".to_owned(),
            Self::Forgeable { .. } => TRIAL.to_owned(),
            Self::NotDevelopment => "leave --development-srs away, or give --srs".to_owned(),
            Self::None => {
                "import a ceremony's file: nascent srs import FILE.ptau --k K; or, to try \
                           things out, --development-srs"
                    .to_owned()
            }
            Self::Several => "choose one with --srs DIGEST; nascent srs info lists them".to_owned(),
            Self::NotAtHand { .. } => {
                "give the publisher's SRS file with --srs FILE, or import the \
                                       ceremony: nascent srs import"
                    .to_owned()
            }
        })
    }
}

/// What proofs under the development SRS are worth.
pub const FORGEABLE: &str = "anyone can forge such proofs";
/// Help for who meets the development SRS.
pub const TRIAL: &str = "if it is only a trial, add --development-srs";

/// Refuses a file made under the development SRS unless that is accepted; `consequence` is what the
/// file is then worth.
///
/// # Errors
/// It is, and that is not accepted.
pub fn check_development(
    identity: &Digest32,
    accepted: bool,
    consequence: &'static str,
) -> Result<(), SrsError> {
    if is_development(identity) && !accepted {
        return Err(SrsError::Forgeable { consequence });
    }
    Ok(())
}

/// The digest of an SRS, with a word about it.
pub fn words(digest: &Digest32) -> String {
    let word = if is_development(digest) {
        " (DEVELOPMENT: proofs are forgeable)"
    } else {
        ""
    };
    format!("{}{word}", hex::encode(digest))
}

/// Errors of the reference string: the file's, or the machine's.
pub fn params_kind(error: &ParamsError) -> Kind {
    match error {
        ParamsError::Format { .. }
        | ParamsError::Check { .. }
        | ParamsError::NotPrepared { .. } => Kind::Input,
        ParamsError::SizeOutOfRange { .. } => Kind::Usage,
        _ => Kind::Environment,
    }
}

/// The part of the cache that holds SRS.
pub fn cache(setting: &Setting<'_>) -> SrsCache {
    SrsCache::new(setting.cache.join("srs"))
}

/// The only SRS that was imported. The development SRS is never a default.
///
/// # Errors
/// None, or several.
pub fn imported(setting: &Setting<'_>) -> Result<Digest32, SrsError> {
    let entries = cache(setting).entries()?;
    let mut imported: Vec<_> = entries.into_iter().map(|entry| entry.identity).collect();
    imported.retain(|identity| !is_development(identity));
    imported.dedup();
    match imported.as_slice() {
        [identity] => Ok(*identity),
        [] => Err(SrsError::None),
        _ => Err(SrsError::Several),
    }
}

/// The SRS of a digest and a size: from the cache, derived from a larger one, or, for the
/// development one, generated.
///
/// # Errors
/// It is not there, or its file is damaged.
pub fn load(setting: &Setting<'_>, identity: &Digest32, k: u32) -> Result<Srs, SrsError> {
    let cache = cache(setting);
    let progress = SrsProgress(setting.observer);
    if is_development(identity) {
        return Ok(cache.load_or_create_development(k, &progress)?);
    }
    let loaded = cache.load_or_derive(identity, k, &progress);
    loaded.map_err(|source| SrsError::Load {
        identity: *identity,
        k,
        source: Box::new(source),
    })
}

/// Kind of a file that an SRS is imported from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileFormat {
    /// A ceremony's powers of tau (`.ptau`).
    Ptau,
    /// What halo2's `ParamsKZG::write` makes.
    Halo2,
}

impl FileFormat {
    /// By a file's name.
    pub fn of(path: &Path) -> Self {
        let ending = path.extension();
        match ending.is_some_and(|ending| ending.eq_ignore_ascii_case("ptau")) {
            true => Self::Ptau,
            false => Self::Halo2,
        }
    }
}

/// An SRS that is kept, and its file in the cache.
pub type Kept = (Srs, PathBuf);

/// Imports a ceremony's file: all of it is checked, and `2^k` powers are kept (of halo2's files as many
/// as there are, without a `k`).
///
/// That nobody knows its trapdoor is the ceremony's doing: compare the file's hash with the published one.
///
/// # Errors
/// The file is not one, or too small; a `.ptau` file without a size; the cache cannot be written.
pub fn import(
    setting: &Setting<'_>,
    path: &Path,
    format: FileFormat,
    k: Option<u32>,
    options: &ImportOptions,
) -> Result<Kept, SrsError> {
    let progress = SrsProgress(setting.observer);
    let srs = match (format, k) {
        (FileFormat::Ptau, Some(k)) => Srs::import_ptau(path, k, options, &progress)?,
        (FileFormat::Ptau, None) => return Err(SrsError::NoSize),
        (FileFormat::Halo2, k) => {
            let srs = Srs::import_halo2_raw(path, &progress)?;
            match k {
                Some(k) if k != srs.k() => srs.derive(k, &progress)?,
                _ => srs,
            }
        }
    };
    let path = cache(setting).store(&srs, &progress)?;
    Ok((srs, path))
}

/// Checks a kept SRS again: points, powers by pairings, both bases.
///
/// # Errors
/// It is not there, or a check fails.
pub fn check(setting: &Setting<'_>, identity: &Digest32, k: u32) -> Result<Kept, SrsError> {
    let progress = SrsProgress(setting.observer);
    let srs = kept(setting, identity, k)?;
    srs.check(&progress)?;
    Ok((srs, cache(setting).path(identity, k)))
}

/// Makes a smaller SRS of a kept one, and keeps it.
///
/// # Errors
/// It is not there, or not larger; the cache cannot be written.
pub fn derive(
    setting: &Setting<'_>,
    identity: &Digest32,
    k: u32,
    smaller: u32,
) -> Result<Kept, SrsError> {
    let progress = SrsProgress(setting.observer);
    let srs = kept(setting, identity, k)?.derive(smaller, &progress)?;
    let path = cache(setting).store(&srs, &progress)?;
    Ok((srs, path))
}

/// Makes the development SRS of a size, or finds it.
///
/// # Errors
/// The cache cannot be written.
pub fn develop(setting: &Setting<'_>, k: u32) -> Result<Kept, SrsError> {
    let identity = development();
    Ok((
        load(setting, &identity, k)?,
        cache(setting).path(&identity, k),
    ))
}

/// An SRS of exactly this size.
fn kept(setting: &Setting<'_>, identity: &Digest32, k: u32) -> Result<Srs, SrsError> {
    let loaded = cache(setting).load(identity, k, &SrsProgress(setting.observer));
    loaded.map_err(|source| SrsError::Kept(Box::new(source)))
}

/// What a verifier needs of a kept SRS, read from the smallest size there is.
///
/// # Errors
/// It is not there, or its file is damaged.
pub fn of_verifier(
    setting: &Setting<'_>,
    identity: &Digest32,
) -> Result<nascent_verifier::Srs, SrsError> {
    if is_development(identity) {
        return Ok(nascent_verifier::Srs::development()?);
    }
    let cache = cache(setting);
    let entries = cache.entries()?;
    let own = entries.iter().filter(|entry| entry.identity == *identity);
    let k = own.map(|entry| entry.k).min();
    let identity = *identity;
    let k = k.ok_or(SrsError::NotAtHand { identity })?;
    let srs = cache.load(&identity, k, &SrsProgress(setting.observer))?;
    Ok(*srs.verifier_srs())
}

/// What a verifier needs of the SRS that proofs name: the one given, else a kept one.
///
/// # Errors
/// It is the development SRS, which is not accepted; or it is not there.
pub fn of_proofs(
    setting: &Setting<'_>,
    identity: &Digest32,
    given: Option<nascent_verifier::Srs>,
    accept_development: bool,
) -> Result<nascent_verifier::Srs, SrsError> {
    check_development(identity, accept_development, FORGEABLE)?;
    given.map_or_else(|| of_verifier(setting, identity), Ok)
}

/// Digest of the development SRS: for trying things out, its trapdoor is public and anyone can forge
/// proofs under it.
pub fn development() -> Digest32 {
    *development_identity()
}

/// Whether this is the digest of the development SRS.
pub fn is_development(digest: &Digest32) -> bool {
    digest == development_identity()
}
