//! Files that are there whole or not at all, and bounded reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use nascent_params::atomic::{Access, Staged};

/// First characters of the names of unfinished files.
pub(crate) const TEMPORARY: &str = nascent_params::atomic::PREFIX;

/// Writes a file under a temporary name beside it, syncs it and renames it.
///
/// A kill leaves the old file, if any, and perhaps a temporary one. Only the owner can read it.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    replace(path, Access::Owner, write)
}

/// As [`write_atomically`], for a file to hand on: the umask says who can read it.
pub(crate) fn publish_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    replace(path, Access::Umask, write)
}

/// Reads a file, or its first `limit + 1` bytes: one more than allowed, for the format's own check
/// to refuse.
pub(crate) fn read_bounded(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(limit as u64 + 1)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

fn replace(
    path: &Path,
    access: Access,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut staged = Staged::new(path, access)?;
    write(staged.file())?;
    staged.publish()
}
