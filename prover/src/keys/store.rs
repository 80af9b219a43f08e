//! Keys between runs.
//!
//! What is worth keeping of a key is small: the verifying key, a few kilobytes. It holds the
//! commitments to the fixed columns, the slow part of key generation; the rest of the proving key
//! (columns and their transforms, 32 bytes a row and fixed column) is computed faster than it is read and
//! checked.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use nascent_circuits::tile::TileParams;
use nascent_params::Srs;
use nascent_verifier::{Digest32, Distribution, Format, TileShape, VerifyingKey, VkData};

use super::TileKeys;
use crate::error::{Hex, KeyError};
use crate::files::{read_bounded, write_atomically};

/// In the name of every file: raised when a fixed column changes in a way that the constraints
/// do not show, so that older files are passed over.
const LAYOUT: u32 = 1;
const EXTENSION: &str = "vk";

/// A directory of verifying keys, one file for each (`k`, distribution, precision, weight
/// digest or not) and SRS.
///
/// Files are written under a temporary name, synced and renamed. The directory belongs to its
/// user: a damaged file is found and made anew, a forged one is not.
#[derive(Clone, Debug)]
pub struct KeyStore {
    directory: PathBuf,
}

/// Where keys came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeySource {
    /// From nothing.
    Generated,
    /// With the help of a stored verifying key.
    Stored,
}

/// A key of the store.
#[derive(Clone, Debug)]
pub struct StoredKey {
    /// Its file.
    pub path: PathBuf,
    /// Digest of the key.
    pub digest: Digest32,
    /// What it proves.
    pub tile: TileShape,
    /// Whether it proves the weight digest too.
    pub weight_digest: bool,
}

impl KeyStore {
    /// The store in a directory, which is created when something is first stored.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of a key, whether it exists or not.
    pub fn path(&self, params: &TileParams, srs: &Digest32) -> PathBuf {
        let kind = match params.distribution {
            Distribution::Normal => "normal".into(),
            Distribution::Uniform => "uniform".into(),
            Distribution::TruncatedNormal { lo, hi } => format!("truncated-{lo}-{hi}"),
        };
        let precision = params.precision;
        let digest = if params.weight_digest { "-digest" } else { "" };
        self.directory.join(format!(
            "tile{LAYOUT}-k{}-{kind}-b{}-f{}{digest}-{}.{EXTENSION}",
            params.k,
            precision.limb_bits,
            precision.fraction_bits,
            Hex(&srs[..8]),
        ))
    }

    /// Keys of these tiles: with the stored verifying key if there is a sound one, else from
    /// nothing, and then stored.
    ///
    /// # Errors
    ///
    /// As [`TileKeys::generate`], or if the key cannot be written.
    pub fn load_or_generate(
        &self,
        params: &TileParams,
        srs: &Srs,
    ) -> Result<(TileKeys, KeySource), KeyError> {
        if let Some(vk) = self.load(params, srs.identity()) {
            match TileKeys::with_verifying_key(params.clone(), srs, vk) {
                Ok(keys) => return Ok((keys, KeySource::Stored)),
                // Of another version of the circuit: replaced below.
                Err(KeyError::Mismatch { .. } | KeyError::Commitments { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let keys = TileKeys::generate(params.clone(), srs)?;
        self.store(params, srs.identity(), keys.verifying_key())?;
        Ok((keys, KeySource::Generated))
    }

    /// The stored verifying key of these tiles; `None` if there is none, or none that is sound.
    pub fn load(&self, params: &TileParams, srs: &Digest32) -> Option<VerifyingKey> {
        let vk = read(&self.path(params, srs)).ok()?;
        let expected = super::tile_shape(params).ok()?;
        let fits = vk.tile() == Some(&expected) && vk.has_weight_digest() == params.weight_digest;
        fits.then_some(vk)
    }

    /// Writes a verifying key, replacing that of the same tiles and SRS.
    ///
    /// # Errors
    ///
    /// Failures of the file system.
    pub fn store(
        &self,
        params: &TileParams,
        srs: &Digest32,
        vk: &VerifyingKey,
    ) -> Result<PathBuf, KeyError> {
        let path = self.path(params, srs);
        let bytes = vk.encode().map_err(|source| KeyError::Format {
            path: path.clone(),
            source,
        })?;
        fs::create_dir_all(&self.directory).map_err(io_error(&self.directory))?;
        nascent_params::atomic::sweep(&self.directory);
        write_atomically(&path, |file| file.write_all(&bytes)).map_err(io_error(&path))?;
        Ok(path)
    }

    /// Writes a verifying key that was derived from its circuit's source: of an inference, or of a
    /// relayout. Its name is its digest.
    ///
    /// # Errors
    ///
    /// Failures of the file system.
    pub fn keep(&self, vk: &VerifyingKey) -> Result<PathBuf, KeyError> {
        let path = self.derived(vk.digest());
        let bytes = vk.encode().map_err(|source| KeyError::Format {
            path: path.clone(),
            source,
        })?;
        fs::create_dir_all(&self.directory).map_err(io_error(&self.directory))?;
        write_atomically(&path, |file| file.write_all(&bytes)).map_err(io_error(&path))?;
        Ok(path)
    }

    /// The stored key with this digest.
    ///
    /// # Errors
    ///
    /// Failures to list the directory; one that does not exist is empty.
    pub fn find(&self, digest: &Digest32) -> Result<Option<VerifyingKey>, KeyError> {
        let derived = read(&self.derived(digest)).ok();
        if let Some(vk) = derived.filter(|vk| vk.digest() == digest) {
            return Ok(Some(vk));
        }
        let keys = self.keys()?;
        Ok(keys
            .into_iter()
            .map(|(_, vk)| vk)
            .find(|vk| vk.digest() == digest))
    }

    /// The file of a key that is kept by its digest.
    fn derived(&self, digest: &Digest32) -> PathBuf {
        self.directory
            .join(format!("derived-{}.{EXTENSION}", Hex(digest)))
    }

    /// All sound keys, in order of path; other files are passed over.
    ///
    /// # Errors
    ///
    /// As [`KeyStore::find`].
    pub fn entries(&self) -> Result<Vec<StoredKey>, KeyError> {
        let entry = |(path, vk): (PathBuf, VerifyingKey)| {
            let (digest, tile) = (*vk.digest(), vk.tile()?.clone());
            Some(StoredKey {
                path,
                digest,
                tile,
                weight_digest: vk.has_weight_digest(),
            })
        };
        Ok(self.keys()?.into_iter().filter_map(entry).collect())
    }

    fn keys(&self) -> Result<Vec<(PathBuf, VerifyingKey)>, KeyError> {
        let listing = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            listing => listing.map_err(io_error(&self.directory))?,
        };
        let mut paths = Vec::new();
        for entry in listing {
            let path = entry.map_err(io_error(&self.directory))?.path();
            if path
                .extension()
                .is_some_and(|extension| extension == EXTENSION)
            {
                paths.push(path);
            }
        }
        paths.sort();
        let sound = |path: PathBuf| read(&path).ok().map(|vk| (path, vk));
        Ok(paths.into_iter().filter_map(sound).collect())
    }
}

/// Reads a key file of any origin.
///
/// # Errors
///
/// If it cannot be read, is too long, or is not a sound key.
pub fn read(path: &Path) -> Result<VerifyingKey, KeyError> {
    let bytes = read_bounded(path, VkData::MAX_BYTES).map_err(io_error(path))?;
    VerifyingKey::decode(&bytes).map_err(|source| KeyError::Format {
        path: path.to_path_buf(),
        source,
    })
}

fn io_error(path: &Path) -> impl Fn(io::Error) -> KeyError {
    move |source| KeyError::Io {
        path: path.to_path_buf(),
        source,
    }
}
