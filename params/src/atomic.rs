//! Files that appear under their name whole and on disk, or not at all.
//!
//! A [`Staged`] file is written under a temporary name in the folder where it will stand. The name
//! holds the number of the process, and the file is locked while it is written: [`sweep`] removes what
//! a killed process left, and nothing that another one is still writing.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use tempfile::{Builder, NamedTempFile, PersistError};

/// How the names of unfinished files begin.
pub const PREFIX: &str = ".nascent-";
/// How they end.
const SUFFIX: &str = ".tmp";
/// A file that names no process is left alone for so long.
const STALE: Duration = Duration::from_secs(24 * 60 * 60);

/// Who can read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone.
    Owner,
    /// Whom the umask lets.
    Umask,
}

/// A file that is not yet under its name. Dropped, it is removed.
#[derive(Debug)]
pub struct Staged {
    file: NamedTempFile,
    path: PathBuf,
}

impl Staged {
    /// Begins a file that will stand at `path`.
    ///
    /// # Errors
    ///
    /// If no file can be made in the folder of `path`.
    pub fn new(path: &Path, access: Access) -> io::Result<Self> {
        let prefix = format!("{PREFIX}{}-", std::process::id());
        let mut builder = Builder::new();
        builder.prefix(&prefix).suffix(SUFFIX);
        #[cfg(unix)]
        if access == Access::Umask {
            builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        }
        let _ = access;
        let file = builder.tempfile_in(folder_of(path))?;
        // Where a file system has no locks, the process in the name has to do.
        let _ = file.as_file().try_lock();
        let path = path.to_path_buf();
        Ok(Self { file, path })
    }

    /// Where it will stand.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, to be written.
    pub fn file(&mut self) -> &mut File {
        self.file.as_file_mut()
    }

    /// Waits until the contents are on the disk.
    ///
    /// # Errors
    ///
    /// If they cannot be brought there.
    pub fn sync(&self) -> io::Result<()> {
        self.file.as_file().sync_all()
    }

    /// Puts it under its name, in the place of what is there; contents and name are then on the disk.
    ///
    /// # Errors
    ///
    /// If one of the steps fails.
    pub fn publish(self) -> io::Result<()> {
        self.put(|file, path| file.persist(path))
    }

    /// As [`Staged::publish`], but never replaces a file.
    ///
    /// # Errors
    ///
    /// If there is a file of that name, or one of the steps fails.
    pub fn publish_new(self) -> io::Result<()> {
        self.put(|file, path| file.persist_noclobber(path))
    }

    fn put(
        self,
        rename: impl FnOnce(NamedTempFile, &Path) -> Result<File, PersistError>,
    ) -> io::Result<()> {
        self.sync()?;
        rename(self.file, &self.path).map_err(|error| error.error)?;
        sync_folder(folder_of(&self.path))
    }
}

/// The folder that a file is in.
pub fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    }
}

/// A rename lasts once the folder is on the disk.
fn sync_folder(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use io::ErrorKind as E;
        // A folder may be writable and not readable, and some file systems sync no folders.
        let synced = File::open(folder).and_then(|folder| folder.sync_all());
        match synced {
            Err(error)
                if !matches!(
                    error.kind(),
                    E::PermissionDenied | E::InvalidInput | E::Unsupported
                ) =>
            {
                return Err(error);
            }
            _ => {}
        }
    }
    let _ = folder;
    Ok(())
}

/// Removes unfinished files that dead processes left in a folder. What cannot be removed stays.
pub fn sweep(folder: &Path) {
    let Ok(listing) = fs::read_dir(folder) else {
        return;
    };
    for entry in listing.filter_map(Result::ok) {
        let name = entry.file_name();
        let Some(process) = name.to_str().and_then(unfinished) else {
            continue;
        };
        let dead = match process {
            Some(process) => !is_alive(process) && is_unlocked(&entry.path()),
            None => is_stale(&entry),
        };
        if dead {
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Of the name of an unfinished file: the process, if it names one.
fn unfinished(name: &str) -> Option<Option<u32>> {
    let rest = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let process = rest.split_once('-').map(|(process, _)| process.parse());
    Some(process.and_then(Result::ok))
}

/// Whether this machine runs such a process; where it does not tell, the lock decides.
fn is_alive(process: u32) -> bool {
    process == std::process::id() || Path::new("/proc").join(process.to_string()).exists()
}

fn is_unlocked(path: &Path) -> bool {
    // Only a file is opened: another thing of that name could wait for ever.
    let file = fs::symlink_metadata(path).is_ok_and(|metadata| metadata.is_file());
    file && File::open(path)
        .is_ok_and(|file| !matches!(file.try_lock(), Err(fs::TryLockError::WouldBlock)))
}

fn is_stale(entry: &fs::DirEntry) -> bool {
    let modified = entry.metadata().and_then(|metadata| metadata.modified());
    let age = modified.map(|time| SystemTime::now().duration_since(time));
    age.is_ok_and(|age| age.is_ok_and(|age| age > STALE))
}
