//! Files that are there whole or not at all.

use std::fs::File;
use std::io;
use std::path::Path;

use tempfile::Builder;

/// First characters of the names of unfinished files.
pub(crate) const TEMPORARY: &str = ".tmp-";

/// Writes a file under a temporary name beside it, syncs it and renames it.
///
/// A kill leaves the old file, if any, and perhaps a temporary one.
pub(crate) fn write_atomically(
    path: &Path,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let directory = path.parent().ok_or(io::ErrorKind::InvalidInput)?;
    let mut file = Builder::new().prefix(TEMPORARY).tempfile_in(directory)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path)?;
    // The rename itself lasts once the directory is on the disk.
    #[cfg(unix)]
    File::open(directory)?.sync_all()?;
    Ok(())
}
