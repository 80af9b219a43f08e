//! The directory of a job: a lock, a manifest, a file for each finished tile.
//!
//! Nothing secret is written.

use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nascent_verifier::bundle::MAX_PROOF_BYTES;
use nascent_verifier::link::CommitmentError;
use nascent_verifier::spec::MAX_STREAMS;
use nascent_verifier::{Digest32, Format, FormatError, ProofError};
use serde::{Deserialize, Serialize};

use super::error::JobError;
use super::linker::{LinkedTile, TileLinkError};
use crate::error::Hex;
use crate::files::{TEMPORARY, read_bounded, write_atomically};
use crate::tile::Subject;

const LOCK: &str = "lock";
const MANIFEST: &str = "job";
/// Extension of a tile's commitment and link.
const LINK: &str = "link";

/// A tile of the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Index of the stream.
    pub stream: u16,
    /// Index of the tile in the stream.
    pub index: u64,
}

/// What the directory is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) plan: Digest32,
    pub(super) beacon: Digest32,
    pub(super) srs: Digest32,
    /// `k` of each stream.
    pub(super) sizes: Vec<u8>,
}

/// The one thing a manifest can get wrong.
#[derive(Debug, thiserror::Error)]
#[error("{got} sizes, at most {limit}")]
pub(super) struct ManifestError {
    limit: usize,
    got: usize,
}

impl Format for Manifest {
    const MAGIC: [u8; 8] = *b"nsc.job\0";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = 1 << 10;
    type Error = ManifestError;

    fn validate(&self) -> Result<(), ManifestError> {
        let (limit, got) = (MAX_STREAMS, self.sizes.len());
        if got > limit {
            Err(ManifestError { limit, got })
        } else {
            Ok(())
        }
    }
}

/// A finished tile.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct TileFile {
    /// Digest of the statement.
    statement: Digest32,
    vk: Digest32,
    srs: Digest32,
    proof: Vec<u8>,
}

/// A proof that no key allows.
#[derive(Debug, thiserror::Error)]
#[error("proof of {got} bytes, at most {limit}")]
pub struct ProofSize {
    limit: usize,
    got: usize,
}

impl Format for TileFile {
    const MAGIC: [u8; 8] = *b"nsc.tile";
    const VERSION: u16 = 1;
    const MAX_BYTES: usize = MAX_PROOF_BYTES + (1 << 10);
    type Error = ProofSize;

    fn validate(&self) -> Result<(), ProofSize> {
        let (limit, got) = (MAX_PROOF_BYTES, self.proof.len());
        if got > limit {
            Err(ProofSize { limit, got })
        } else {
            Ok(())
        }
    }
}

/// Why a tile's file is of no use.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TileFileError {
    /// It cannot be read.
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    /// It is not a tile file.
    #[error(transparent)]
    Format(#[from] FormatError<ProofSize>),
    /// It is of another statement, key or SRS.
    #[error("of another {what}: {}, expected {}", Hex(got), Hex(expected))]
    Foreign {
        /// What differs.
        what: &'static str,
        /// Digest of this tile's.
        expected: Digest32,
        /// Digest found.
        got: Digest32,
    },
    /// Its proof does not verify.
    #[error("proof: {0}")]
    Proof(#[from] ProofError),
    /// Its commitment is not a file of one.
    #[error("commitment: {0}")]
    LinkFormat(#[from] FormatError<CommitmentError>),
    /// Its proof is not linked to its commitment.
    #[error("commitment: {0}")]
    Link(#[from] TileLinkError),
}

/// A locked directory.
pub(super) struct Directory {
    path: PathBuf,
    /// The system gives the lock back when the file is closed, also by a kill.
    _lock: File,
}

impl Directory {
    /// Creates the directory if need be, locks it, and sweeps away what a kill left.
    pub(super) fn open(path: &Path) -> Result<Self, JobError> {
        fs::create_dir_all(path).map_err(io_error(path))?;
        let lock = path.join(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&lock);
        let file = file.map_err(io_error(&lock))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(JobError::Locked {
                    path: path.to_path_buf(),
                });
            }
            Err(TryLockError::Error(source)) => return Err(io_error(&lock)(source)),
        }
        let directory = Self {
            path: path.to_path_buf(),
            _lock: file,
        };
        directory.sweep()?;
        Ok(directory)
    }

    fn sweep(&self) -> Result<(), JobError> {
        for entry in fs::read_dir(&self.path).map_err(io_error(&self.path))? {
            let entry = entry.map_err(io_error(&self.path))?;
            if entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
                // Left over or not, it is in nobody's way.
                let _ = fs::remove_file(entry.path());
            }
        }
        Ok(())
    }

    /// Sizes of the streams, if the directory was begun; a damaged manifest is none.
    pub(super) fn manifest(&self, job: &Manifest) -> Result<Option<Vec<u8>>, JobError> {
        let path = self.path.join(MANIFEST);
        let bytes = match read_bounded(&path, Manifest::MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes.map_err(io_error(&path))?,
        };
        let Ok(found) = Manifest::decode(&bytes) else {
            return Ok(None);
        };
        let pairs = [
            ("plan", job.plan, found.plan),
            ("beacon value", job.beacon, found.beacon),
            ("SRS", job.srs, found.srs),
        ];
        for (what, expected, got) in pairs {
            if expected != got {
                let path = self.path.clone();
                return Err(JobError::ForeignDirectory {
                    path,
                    what,
                    expected,
                    got,
                });
            }
        }
        Ok(Some(found.sizes))
    }

    pub(super) fn write_manifest(&self, manifest: &Manifest) -> Result<(), JobError> {
        let path = self.path.join(MANIFEST);
        let bytes = manifest
            .encode()
            .map_err(|error| io_error(&path)(io::Error::other(error)))?;
        write_atomically(&path, |file| file.write_all(&bytes)).map_err(io_error(&path))
    }

    /// Whether the tile has a file, sound or not.
    pub(super) fn has_tile(&self, subject: &Subject, id: TileId) -> bool {
        self.tile_path(subject, id).exists()
    }

    /// The proof in a tile's file, which is of that statement, key and SRS as it says; not
    /// verified. `None` if there is no file.
    pub(super) fn read_tile(
        &self,
        subject: &Subject,
        id: TileId,
        vk: &Digest32,
        srs: &Digest32,
    ) -> Result<Option<Vec<u8>>, TileFileError> {
        let bytes = match read_bounded(&self.tile_path(subject, id), TileFile::MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            bytes => bytes?,
        };
        let file = TileFile::decode(&bytes)?;
        let statement = subject.statement(id.stream, id.index).digest();
        let pairs = [
            ("statement", statement, file.statement),
            ("key", *vk, file.vk),
            ("SRS", *srs, file.srs),
        ];
        for (what, expected, got) in pairs {
            if expected != got {
                return Err(TileFileError::Foreign {
                    what,
                    expected,
                    got,
                });
            }
        }
        Ok(Some(file.proof))
    }

    /// Writes a tile's file, whole or not at all.
    pub(super) fn write_tile(
        &self,
        subject: &Subject,
        id: TileId,
        vk: &Digest32,
        srs: &Digest32,
        proof: &[u8],
    ) -> Result<(), JobError> {
        let path = self.tile_path(subject, id);
        let statement = subject.statement(id.stream, id.index).digest();
        let file = TileFile {
            statement,
            vk: *vk,
            srs: *srs,
            proof: proof.to_vec(),
        };
        let bytes = file
            .encode()
            .map_err(|error| io_error(&path)(io::Error::other(error)))?;
        write_atomically(&path, |file| file.write_all(&bytes)).map_err(io_error(&path))
    }

    /// The commitment and the link of a tile, as its file has them; not checked.
    pub(super) fn read_link(
        &self,
        subject: &Subject,
        id: TileId,
    ) -> Result<Option<LinkedTile>, TileFileError> {
        let path = self.tile_path(subject, id).with_extension(LINK);
        match read_bounded(&path, LinkedTile::MAX_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            bytes => Ok(Some(LinkedTile::decode(&bytes?)?)),
        }
    }

    /// Writes the commitment and the link of a tile, whole or not at all.
    pub(super) fn write_link(
        &self,
        subject: &Subject,
        id: TileId,
        linked: &LinkedTile,
    ) -> Result<(), JobError> {
        let path = self.tile_path(subject, id).with_extension(LINK);
        let bytes = linked
            .encode()
            .map_err(|error| io_error(&path)(io::Error::other(error)))?;
        write_atomically(&path, |file| file.write_all(&bytes)).map_err(io_error(&path))
    }

    fn tile_path(&self, subject: &Subject, id: TileId) -> PathBuf {
        let TileId { stream, index } = id;
        let statement = subject.statement(stream, index).digest();
        self.path
            .join(format!("{stream}-{index}-{}.tile", Hex(&statement)))
    }
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> JobError {
    move |source| JobError::Io {
        path: path.to_path_buf(),
        source,
    }
}
