//! A directory of checked reference strings.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::atomic::{self, Access, Staged};
use crate::cache_file;
use crate::error::{ContentError, FormatError, ParamsError, expect_range};
use crate::parts::validate_k;
use crate::progress::Progress;
use crate::source::open_regular;
use crate::srs::{Provenance, Srs, development_identity};

const EXTENSION: &str = "srs";

/// A directory that keeps SRS between runs, one file for each identity and `k`.
///
/// Files are written under a temporary name, synced and renamed, so a kill leaves either the whole
/// file or none. The directory belongs to its user: the checksum finds damage, not malice.
#[derive(Clone, Debug)]
pub struct SrsCache {
    directory: PathBuf,
}

/// A file of the cache, from its header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// The file.
    pub path: PathBuf,
    /// Identity of the SRS.
    pub identity: [u8; 32],
    /// Its size.
    pub k: u32,
    /// Where it came from, as the header says.
    pub provenance: Provenance,
}

impl SrsCache {
    /// The cache in a directory, which is created when something is first stored.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of one SRS, whether it exists or not.
    pub fn path(&self, identity: &[u8; 32], k: u32) -> PathBuf {
        let name = if identity == development_identity() {
            "development".to_owned()
        } else {
            identity.iter().map(|byte| format!("{byte:02x}")).collect()
        };
        self.directory.join(format!("{name}-k{k:02}.{EXTENSION}"))
    }

    /// Writes an SRS, replacing the file of the same identity and `k`.
    ///
    /// # Errors
    ///
    /// Failures of the file system.
    pub fn store(&self, srs: &Srs, progress: &dyn Progress) -> Result<PathBuf, ParamsError> {
        let path = self.path(srs.identity(), srs.k());
        let at_directory = |error: io::Error| ContentError::Io(error).at(&self.directory);
        fs::create_dir_all(&self.directory).map_err(at_directory)?;
        atomic::sweep(&self.directory);
        let mut staged = Staged::new(&path, Access::Owner).map_err(at_directory)?;
        cache_file::write(staged.file(), srs, progress).map_err(|error| error.at(&path))?;
        staged
            .publish()
            .map_err(|error| ContentError::Io(error).at(&path))?;
        Ok(path)
    }

    /// Reads an SRS and verifies its checksum, its points and its identity.
    ///
    /// The pairing checks were made before it was stored and are not repeated.
    ///
    /// # Errors
    ///
    /// [`ParamsError::Io`] when there is no such file, [`ParamsError::Format`] or
    /// [`ParamsError::Check`] when it is damaged.
    pub fn load(
        &self,
        identity: &[u8; 32],
        k: u32,
        progress: &dyn Progress,
    ) -> Result<Srs, ParamsError> {
        validate_k(k)?;
        let path = self.path(identity, k);
        let read = || -> Result<Srs, ContentError> {
            let srs = cache_file::read(&mut open_regular(&path)?, progress)?;
            if srs.identity() != identity {
                return Err(FormatError::IdentityMismatch.into());
            }
            expect_range("k", k, k, srs.k())?;
            Ok(srs)
        };
        read().map_err(|error| error.at(&path))
    }

    /// The development SRS of size `2^k`: read, or generated and stored when the file is missing,
    /// damaged or of another version. A directory that nothing can be stored in is no error.
    ///
    /// # Errors
    ///
    /// Failures of the file system other than a missing file.
    pub fn load_or_create_development(
        &self,
        k: u32,
        progress: &dyn Progress,
    ) -> Result<Srs, ParamsError> {
        match self.load(development_identity(), k, progress) {
            Err(error) if can_replace(&error) => {
                let srs = Srs::development(k, progress)?;
                // What cannot be kept is only made again.
                let _ = self.store(&srs, progress);
                Ok(srs)
            }
            result => result,
        }
    }

    /// The SRS of that identity and size: read, or derived from a larger one of the cache and
    /// stored. See [`Srs::derive`] for what a derivation costs.
    ///
    /// # Errors
    ///
    /// [`ParamsError::Io`] of the missing file when no larger one is there either.
    pub fn load_or_derive(
        &self,
        identity: &[u8; 32],
        k: u32,
        progress: &dyn Progress,
    ) -> Result<Srs, ParamsError> {
        let missing = match self.load(identity, k, progress) {
            Err(error) if can_replace(&error) => error,
            result => return result,
        };
        let mut larger: Vec<u32> = self
            .entries()?
            .into_iter()
            .filter(|entry| entry.identity == *identity && entry.k > k)
            .map(|entry| entry.k)
            .collect();
        larger.sort_unstable();
        for source in larger {
            match self.load(identity, source, progress) {
                Ok(srs) => {
                    let srs = srs.derive(k, progress)?;
                    let _ = self.store(&srs, progress);
                    return Ok(srs);
                }
                Err(error) if can_replace(&error) => {}
                Err(error) => return Err(error),
            }
        }
        Err(missing)
    }

    /// Every readable header of the directory, in order of path; other files are passed over.
    ///
    /// # Errors
    ///
    /// Failures to list the directory; one that does not exist is empty.
    pub fn entries(&self) -> Result<Vec<CacheEntry>, ParamsError> {
        let listing = match fs::read_dir(&self.directory) {
            Ok(listing) => listing,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ContentError::Io(error).at(&self.directory)),
        };
        let mut entries: Vec<CacheEntry> = listing
            .filter_map(Result::ok)
            .map(|entry| entry.path())
            .filter(|path| {
                path.extension()
                    .is_some_and(|extension| extension == EXTENSION)
            })
            .filter_map(|path| {
                let header = cache_file::read_header(&mut open_regular(&path).ok()?).ok()?;
                let cache_file::Header {
                    k,
                    identity,
                    provenance,
                    ..
                } = header;
                (path == self.path(&identity, k)).then_some(CacheEntry {
                    path,
                    identity,
                    k,
                    provenance,
                })
            })
            .collect();
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Ok(entries)
    }
}

/// Whether a new file may take the place of the one that gave this error.
fn can_replace(error: &ParamsError) -> bool {
    match error {
        ParamsError::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
        ParamsError::Format { .. } | ParamsError::Check { .. } => true,
        _ => false,
    }
}
