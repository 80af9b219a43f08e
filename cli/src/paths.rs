//! The files of one call, declared before any work and compared: by file, not by name.
//!
//! Each subcommand says what it reads, which secrets it reads or makes, and what it writes. Then no
//! result can take the place of an input, of a secret or of another result, whatever links and names
//! lead to it; and what cannot be written is found before the work and not after it.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use nascent_params::atomic::{self, Access, Staged, folder_of};
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Read.
    Input,
    /// A result.
    Output,
    /// What lies beside a result, under a name that follows from it: a file of this kind.
    Beside([u8; 8]),
    /// A secret that is made if it is not there, and never replaced.
    Secret,
    /// A folder that results go to; made if it is not there.
    Folder,
}

#[derive(Debug)]
struct Declared {
    role: Role,
    what: &'static str,
    path: PathBuf,
}

/// What a call reads and writes.
#[derive(Debug)]
pub struct Paths {
    force: bool,
    /// Whether results of an earlier run that was stopped may be there.
    resumes: bool,
    declared: Vec<Declared>,
}

impl Paths {
    /// With `force`, results replace files.
    pub fn new(force: bool) -> Self {
        Self {
            force,
            resumes: false,
            declared: Vec::new(),
        }
    }

    /// Files that are read, secrets among them.
    pub fn read<P: AsRef<Path>>(
        self,
        what: &'static str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.declare(Role::Input, what, paths)
    }

    /// Results.
    pub fn write<P: AsRef<Path>>(
        self,
        what: &'static str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.declare(Role::Output, what, paths)
    }

    /// What the program puts beside a result; it replaces a file of the same kind, and no other.
    pub fn beside<P: AsRef<Path>>(
        self,
        what: &'static str,
        paths: impl IntoIterator<Item = P>,
        magic: [u8; 8],
    ) -> Self {
        self.declare(Role::Beside(magic), what, paths)
    }

    /// Secrets that are made if they are not there.
    pub fn secret<P: AsRef<Path>>(
        self,
        what: &'static str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.declare(Role::Secret, what, paths)
    }

    /// Folders that are made if they are not there.
    pub fn folder<P: AsRef<Path>>(
        self,
        what: &'static str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        self.declare(Role::Folder, what, paths)
    }

    fn declare<P: AsRef<Path>>(
        mut self,
        role: Role,
        what: &'static str,
        paths: impl IntoIterator<Item = P>,
    ) -> Self {
        let declared = paths.into_iter().map(|path| Declared {
            role,
            what,
            path: path.as_ref().to_path_buf(),
        });
        self.declared.extend(declared);
        self
    }

    /// Results that are there already are no obstacle: they count as those of an earlier run, and are
    /// compared with what this one gives before anything is replaced ([`crate::results::Results`]).
    pub fn resumes(mut self, resumes: bool) -> Self {
        self.resumes = resumes;
        self
    }

    /// Compares all files, and sees that results can be written.
    pub fn check(self) -> Result<Self> {
        let identities: Vec<Identity> = self
            .declared
            .iter()
            .map(|of| Identity::of(&of.path))
            .collect();
        for (at, (one, identity)) in self.declared.iter().zip(&identities).enumerate() {
            for (other, same) in self.declared.iter().zip(&identities).take(at) {
                let read = one.role == Role::Input && other.role == Role::Input;
                if !read && identity.is(same) {
                    return Err(one.same_as(other));
                }
            }
        }
        let outputs = self.of(Role::Output);
        let folders = self.of(Role::Folder);
        let to_be_made = |path: &Path| folders.iter().any(|of| of.path == folder_of(path));
        for of in &outputs {
            of.check_place(to_be_made(&of.path))?;
            files::refuse_secret(&of.path)?;
        }
        for of in self.of(Role::Secret) {
            of.check_place(false)?;
        }
        for of in &self.declared {
            if let Role::Beside(magic) = of.role {
                of.check_place(false)?;
                of.check_kind(&magic)?;
            }
        }
        self.check_unwritten(&outputs)?;
        self.check_folders()?;
        Ok(self)
    }

    /// As [`Paths::beside`], of a name that was not known before.
    pub fn also_beside(&self, what: &'static str, path: &Path, magic: [u8; 8]) -> Result<()> {
        let one = Declared {
            role: Role::Beside(magic),
            what,
            path: path.to_path_buf(),
        };
        let identity = Identity::of(path);
        for other in &self.declared {
            if identity.is(&Identity::of(&other.path)) {
                return Err(one.same_as(other));
            }
        }
        one.check_place(false)?;
        one.check_kind(&magic)
    }

    /// Whether results replace files.
    pub fn is_forced(&self) -> bool {
        self.force
    }

    fn of(&self, role: Role) -> Vec<&Declared> {
        let declared = self.declared.iter();
        declared.filter(|of| of.role == role).collect()
    }

    /// Unless asked to, no file is replaced. Where only some of the results are there, an earlier run
    /// was stopped between two of them: they are compared with this run's later.
    fn check_unwritten(&self, outputs: &[&Declared]) -> Result<()> {
        let there = |of: &&&Declared| of.path.symlink_metadata().is_ok();
        let Some(first) = outputs.iter().find(there) else {
            return Ok(());
        };
        let all = outputs.iter().all(|of| there(&of));
        if self.force || self.resumes || !all {
            return Ok(());
        }
        let message = format!("{} exists already", first.path.display());
        Err(Failure::new(Kind::Environment, message)
            .help("give another name, or --force to replace it"))
    }

    /// Sees that files can be made where results go, and clears what dead runs left there; two names
    /// that the file system takes for one are found by making both.
    fn check_folders(&self) -> Result<()> {
        let written = self.declared.iter();
        let written =
            written.filter(|of| matches!(of.role, Role::Output | Role::Secret | Role::Beside(_)));
        let names: Vec<&Declared> = written.collect();
        let folders: BTreeSet<&Path> = names.iter().map(|of| folder_of(&of.path)).collect();
        for folder in folders.into_iter().filter(|folder| folder.is_dir()) {
            atomic::sweep(folder);
            let unwritable = || format!("nothing can be written in {}", folder.display());
            Staged::new(&folder.join("result"), Access::Owner)
                .or_fail(Kind::Environment)
                .doing(unwritable())
                .help("name a folder that you can write to: this was found before the work")?;
            let here: Vec<&&Declared> = names
                .iter()
                .filter(|of| folder_of(&of.path) == folder && !of.path.exists())
                .collect();
            if here.len() > 1 {
                compare_names(folder, &here)?;
            }
        }
        Ok(())
    }
}

/// Makes files of these names in a folder of their own: names that differ in case only are one file in
/// some file systems.
fn compare_names(folder: &Path, declared: &[&&Declared]) -> Result<()> {
    let probe = tempfile::Builder::new()
        .prefix(atomic::PREFIX)
        .tempdir_in(folder)
        .or_fail(Kind::Environment)?;
    for (at, of) in declared.iter().enumerate() {
        let Some(name) = of.path.file_name() else {
            continue;
        };
        let made = std::fs::File::create_new(probe.path().join(name));
        let exists = |error: std::io::Error| error.kind() == std::io::ErrorKind::AlreadyExists;
        if made.is_err_and(exists) {
            let other = declared.get(at.saturating_sub(1)).unwrap_or(of);
            return Err(of.same_as(other));
        }
    }
    Ok(())
}

impl Declared {
    fn same_as(&self, other: &Self) -> Failure {
        let message = format!(
            "{} and {} are the same file: {} and {}",
            other.what,
            self.what,
            other.path.display(),
            self.path.display()
        );
        Failure::new(Kind::Usage, message).help("give each its own name")
    }

    /// A file that is there is of this kind.
    fn check_kind(&self, magic: &[u8]) -> Result<()> {
        if !self.path.exists() || files::starts_with(&self.path, magic)? {
            return Ok(());
        }
        let message = format!(
            "{} exists already, and is not what this command puts there",
            self.path.display()
        );
        Err(Failure::new(Kind::Environment, message).help(format!(
            "move it away, or give another name: {} goes there",
            self.what
        )))
    }

    /// A result goes to a folder that is there, and takes the place of nothing but a file.
    fn check_place(&self, to_be_made: bool) -> Result<()> {
        let (path, folder) = (&self.path, folder_of(&self.path));
        let refused = |what: String, help: &str| {
            let message = format!("{}: {what}", path.display());
            Err(Failure::new(Kind::Environment, message).help(help.to_owned()))
        };
        if path.file_name().is_none() {
            return refused("is no name of a file".to_owned(), "name a file");
        }
        match std::fs::metadata(path) {
            Ok(metadata) if metadata.is_dir() => {
                return refused("is a folder".to_owned(), "name a file in it");
            }
            Ok(metadata) if !metadata.is_file() => {
                return refused(
                    "is a device or a pipe, and no file".to_owned(),
                    "results are files that appear whole; name one",
                );
            }
            _ => {}
        }
        if !(folder.is_dir() || to_be_made && folder.symlink_metadata().is_err()) {
            let what = format!("the folder {} does not exist", folder.display());
            return refused(what, "create the folder first");
        }
        Ok(())
    }
}

/// Which file a path leads to.
#[derive(Debug)]
struct Identity {
    /// Number of the file in its file system, if it exists.
    file: Option<(u64, u64)>,
    /// Number of the nearest folder that exists, and the names below it.
    place: Option<((u64, u64), Vec<OsString>)>,
    /// Where the system has no numbers: the path, as far as it can be followed.
    path: PathBuf,
}

impl Identity {
    fn of(path: &Path) -> Self {
        let path = followed(path);
        let (folder, names) = existing(&path);
        Self {
            file: number(&path),
            place: number(&folder).map(|folder| (folder, names)),
            path,
        }
    }

    fn is(&self, other: &Self) -> bool {
        let same =
            |one: &Option<(u64, u64)>, other: &Option<(u64, u64)>| one.is_some() && one == other;
        same(&self.file, &other.file)
            || (self.place.is_some() && self.place == other.place)
            || self.path == other.path
    }
}

/// Follows links, also one to a file that does not exist yet.
fn followed(path: &Path) -> PathBuf {
    /// As many as systems follow.
    const LINKS: usize = 40;
    let mut path = path.to_path_buf();
    for _ in 0..LINKS {
        let Ok(target) = std::fs::read_link(&path) else {
            break;
        };
        path = folder_of(&path).join(target);
    }
    let (folder, names) = existing(&path);
    let folder = folder.canonicalize().unwrap_or(folder);
    names.iter().fold(folder, |path, name| path.join(name))
}

/// The nearest folder above that exists, and the names from there on.
fn existing(path: &Path) -> (PathBuf, Vec<OsString>) {
    let mut names = Vec::new();
    let mut at = path;
    while let Some(name) = at.file_name() {
        names.push(name.to_owned());
        at = folder_of(at);
        if at.exists() {
            break;
        }
    }
    names.reverse();
    (at.to_path_buf(), names)
}

/// Device and number of a file.
fn number(path: &Path) -> Option<(u64, u64)> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        let metadata = std::fs::metadata(path).ok()?;
        Some((metadata.dev(), metadata.ino()))
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        None
    }
}

/// Refuses to replace a file unless asked to.
pub fn check_output(path: &Path, force: bool) -> Result<()> {
    Paths::new(force).write("the output", [path]).check()?;
    Ok(())
}
