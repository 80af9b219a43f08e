//! The results of one command: all written aside first, then put under their names one after another.
//!
//! A kill between two names leaves some of them. The same command goes on then: a result that is there
//! already is left alone if it is exactly what this run gives, and refused otherwise.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::output::Context;
use crate::paths::Paths;
use crate::stop;
use nascent_params::atomic::{Access, Staged};
use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

/// What may be at a result's name already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The same result, or with --force anything.
    Result,
    /// A file of this kind: what lies beside a result is the program's to name.
    Beside([u8; 8]),
    /// Nothing: a secret is never replaced.
    Secret,
}

/// Results on their way.
#[derive(Debug, Default)]
pub struct Results {
    staged: Vec<(Staged, Place)>,
}

impl Results {
    /// A result in memory.
    pub fn bytes(&mut self, path: &Path, access: Access, bytes: &[u8]) -> Result<()> {
        self.file(path, access, |file| Ok(file.write_all(bytes)?))
    }

    /// A result that is written piece by piece.
    pub fn file(
        &mut self,
        path: &Path,
        access: Access,
        write: impl FnOnce(&mut File) -> Result<()>,
    ) -> Result<()> {
        let staged = files::stage(path, access, write)?;
        self.staged.push((staged, Place::Result));
        Ok(())
    }

    /// What goes beside a result; only a file of the same kind is replaced.
    pub fn beside(&mut self, path: &Path, magic: [u8; 8], bytes: &[u8]) -> Result<()> {
        let staged = files::stage(path, Access::Umask, |file| Ok(file.write_all(bytes)?))?;
        self.staged.push((staged, Place::Beside(magic)));
        Ok(())
    }

    /// A secret.
    pub fn secret(&mut self, path: &Path, bytes: &[u8]) -> Result<()> {
        let staged = files::stage(path, Access::Owner, |file| Ok(file.write_all(bytes)?))?;
        self.staged.push((staged, Place::Secret));
        Ok(())
    }

    /// Puts all results under their names, in this order. No signal stops that half-way.
    pub fn publish(self, paths: &Paths) -> Result<()> {
        let _whole = stop::defer();
        let mut missing = Vec::new();
        // Before the first: whether all of them may be put there.
        for (mut staged, place) in self.staged {
            let path = staged.path().to_path_buf();
            let doing = || format!("writing {}", path.display());
            staged.sync().or_fail(Kind::Environment).doing(doing())?;
            if !path.exists() {
                missing.push((staged, place));
                continue;
            }
            let same = is_same(staged.file(), &path).or_fail(Kind::Environment);
            if same.doing(doing())? {
                continue;
            }
            files::refuse_secret(&path)?;
            match place {
                Place::Result if paths.is_forced() => {}
                Place::Beside(magic) if files::starts_with(&path, &magic)? => {}
                _ => return Err(differs(&path)),
            }
            missing.push((staged, place));
        }
        for (staged, place) in missing {
            let path = staged.path().to_path_buf();
            let published = match place {
                Place::Secret => staged.publish_new(),
                _ => staged.publish(),
            };
            published
                .or_fail(Kind::Environment)
                .doing(format!("writing {}", path.display()))?;
        }
        Ok(())
    }
}

fn differs(path: &Path) -> Failure {
    let message = format!(
        "{} exists already, and is not what this command gives",
        path.display()
    );
    Failure::new(Kind::Environment, message).help("give another name, or --force to replace it")
}

/// Whether a file has the same contents as one that is on its way.
fn is_same(staged: &mut File, path: &Path) -> std::io::Result<bool> {
    use std::io::Seek;
    if !std::fs::metadata(path)?.is_file() {
        return Ok(false);
    }
    let there = File::open(path)?;
    if there.metadata()?.len() != staged.metadata()?.len() {
        return Ok(false);
    }
    staged.rewind()?;
    let (mut one, mut other) = (vec![0; 1 << 16], vec![0; 1 << 16]);
    let (mut staged, mut there) = (BufReader::new(staged), BufReader::new(there));
    loop {
        let read = staged.read(&mut one)?;
        if read == 0 {
            return Ok(true);
        }
        let (one, other) = (&one[..read], &mut other[..read]);
        there.read_exact(other)?;
        if one != other {
            return Ok(false);
        }
    }
}

/// Keeps what cost work and cannot be written where it should go, in the cache; the failure says where.
pub fn rescue(
    context: &Context,
    failure: Failure,
    name: &Path,
    parts: &[(&Path, &[u8])],
) -> Failure {
    let keep = || -> Result<PathBuf> {
        let folder = context.cache.join("kept");
        let stem = name.file_name().unwrap_or_default().to_owned();
        std::fs::create_dir_all(&folder).or_fail(Kind::Environment)?;
        let mut builder = tempfile::Builder::new();
        let folder = builder.prefix(&stem).tempdir_in(&folder);
        let folder = folder.or_fail(Kind::Environment)?;
        for (path, bytes) in parts {
            let at = folder.path().join(path.file_name().unwrap_or_default());
            files::write_private(&at, bytes, "a new folder")?;
        }
        Ok(folder.keep())
    };
    match keep() {
        Ok(folder) => failure.help(format!(
            "the proof is not lost: it is in {}, with what belongs beside it; move the files where \
             you want them",
            folder.display()
        )),
        Err(_) => failure,
    }
}
