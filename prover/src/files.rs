//! Files that are there whole or not at all, and bounded reads.

use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use tempfile::Builder;

/// First characters of the names of unfinished files.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Writes a file under a temporary name beside it, syncs it and renames it.
///
/// A kill leaves the old file, if any, and perhaps a temporary one. Only the owner can read it.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    replace(path, Builder::new().prefix(TEMPORARY), write)
}

/// As [`write_atomically`], for a file to hand on: the umask says who can read it.
pub(crate) fn publish_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut builder = Builder::new();
    builder.prefix(".weights-").suffix(".tmp");
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    replace(path, &mut builder, write)
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
    builder: &mut Builder<'_, '_>,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let directory = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let mut file = builder.tempfile_in(directory)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself lasts once the directory is on the disk.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}
