//! Files of this project, read: bounded in size, and with errors that say what they are instead.

use crate::error::{Failure, Kind};
use nascent_verifier::codec::{Format, FormatError};
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// Why a file is not read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FileError {
    /// The file system.
    #[error("reading {}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// More bytes than such a file has.
    #[error("reading {}: {length} bytes, at most {limit} are read", path.display())]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its bytes.
        length: u64,
        /// The most that are read.
        limit: u64,
    },
    /// It is not what it should be.
    #[error("{} is not a valid {expected}", path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What it should be.
        expected: &'static str,
        /// What its first bytes say.
        found: Option<&'static str>,
        /// Whether another version made it.
        version: bool,
        /// Why it is not.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl Failure for FileError {
    fn kind(&self) -> Kind {
        match self {
            Self::Io { .. } => Kind::Environment,
            Self::TooLarge { .. } | Self::Format { .. } => Kind::Input,
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Format { version: true, .. } => Some(
                "another version of nascent made it: make it again, or use that version".to_owned(),
            ),
            Self::Format {
                expected, found, ..
            } => Some(match found {
                Some(found) if found != expected => {
                    format!("the file is of the kind '{found}'; `nascent inspect` tells more")
                }
                _ => "get the file again, whole, from where it was published".to_owned(),
            }),
            _ => None,
        }
    }
}

/// Reads a file of at most `limit` bytes.
///
/// # Errors
/// The file system's, a folder, or more bytes.
pub fn read_bounded(path: &Path, limit: usize) -> Result<Vec<u8>, FileError> {
    let limit = limit as u64;
    let read = || -> io::Result<(u64, Vec<u8>)> {
        let file = File::open(path)?;
        let metadata = file.metadata()?;
        if metadata.is_dir() {
            return Err(io::Error::other("is a directory"));
        }
        let mut bytes = Vec::new();
        let length = metadata.len();
        if length <= limit {
            // The file may grow while it is read.
            file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        }
        Ok((length.max(bytes.len() as u64), bytes))
    };
    let path = || path.to_path_buf();
    let (length, bytes) = read().map_err(|source| FileError::Io {
        path: path(),
        source,
    })?;
    if length > limit {
        return Err(FileError::TooLarge {
            path: path(),
            length,
            limit,
        });
    }
    Ok(bytes)
}

/// The first bytes of a file, or all of a shorter one.
///
/// # Errors
/// The file system's.
pub fn start(path: &Path, length: usize) -> Result<Vec<u8>, FileError> {
    let mut first = Vec::new();
    let read = File::open(path).and_then(|file| file.take(length as u64).read_to_end(&mut first));
    match read {
        Ok(_) => Ok(first),
        Err(source) => Err(FileError::Io {
            path: path.to_path_buf(),
            source,
        }),
    }
}

/// Reads and decodes one of our files.
///
/// # Errors
/// As [`read_bounded`] and [`decode`].
pub fn read<T: Format>(path: &Path) -> Result<T, FileError>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    decode(path, &read_bounded(path, T::MAX_BYTES)?)
}

/// Decodes one of our files; `path` is for messages.
///
/// # Errors
/// It is not a valid one.
pub fn decode<T: Format>(path: &Path, bytes: &[u8]) -> Result<T, FileError>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    T::decode(bytes).map_err(|error| FileError::Format {
        path: path.to_path_buf(),
        expected: kind_name(T::MAGIC),
        found: what_is(bytes),
        version: matches!(error, FormatError::Version { .. }),
        source: Box::new(error),
    })
}

/// The kinds of file this project has, by magic.
const KINDS: [([u8; 8], &str); 20] = [
    (*b"nsc.chan", "chain"),
    (*b"nsc.infr", "inference"),
    (*b"nsc.grph", "architecture"),
    (*b"nsc.parm", "parameter file"),
    (*b"nsc.orig", "list of origins"),
    (*b"nsc.prof", "profile"),
    (*b"nsc.rlay", "relayout"),
    (*b"nsc.plan", "plan"),
    (*b"nsc.bcon", "beacon value"),
    (*b"nsc.init", "proof bundle"),
    (*b"nsc.modl", "model specification"),
    (*b"nsc.vkey", "verifying key"),
    (*b"nsc.srs2", "verifier SRS"),
    (*b"nsc.wcom", "weight commitment"),
    (*b"nsc.link", "file of links"),
    (*b"nsc.open", "SECRET opening of a commitment"),
    (*b"nsc.job\0", "job of proofs"),
    (*b"nsc.tile", "finished tile of a job"),
    (*b"nsc.tlnk", "commitment to a tile of a job, with its link"),
    (*b"NASCSRS\0", "cached SRS"),
];

/// Name of a kind of file.
pub fn kind_name(magic: [u8; 8]) -> &'static str {
    let known = KINDS.iter().find(|(known, _)| *known == magic);
    known.map_or("file of this project", |(_, name)| name)
}

/// Which of our files these bytes start like.
pub fn what_is(bytes: &[u8]) -> Option<&'static str> {
    let magic = bytes.first_chunk::<8>()?;
    let known = KINDS.iter().find(|(known, _)| known == magic);
    known.map(|(_, name)| *name)
}
