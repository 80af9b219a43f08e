//! Files in and out: bounded reads, atomic writes, hexadecimal.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
pub use nascent::files::what_is;
use nascent_params::atomic::{Access, Staged};
use nascent_verifier::codec::Format;
use std::fs::File;
use std::io::Write;
use std::path::Path;

/// Reads a file of at most `limit` bytes.
pub fn read_bounded(path: &Path, limit: usize) -> Result<Vec<u8>> {
    Ok(nascent::files::read_bounded(path, limit)?)
}

/// Reads and decodes one of our files.
pub fn read<T: Format>(path: &Path) -> Result<T>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    Ok(nascent::files::read(path)?)
}

/// Decodes one of our files; `path` is for messages.
pub fn decode<T: Format>(path: &Path, bytes: &[u8]) -> Result<T>
where
    T::Error: std::error::Error + Send + Sync + 'static,
{
    Ok(nascent::files::decode(path, bytes)?)
}

/// The first bytes of a file, or all of a shorter one.
pub fn start(path: &Path, length: usize) -> Result<Vec<u8>> {
    Ok(nascent::files::start(path, length)?)
}

/// Whether a file begins with these bytes.
pub fn starts_with(path: &Path, magic: &[u8]) -> Result<bool> {
    Ok(start(path, magic.len())? == magic)
}

/// Writes a file that appears under its name only when it is whole and on disk. A secret is never
/// replaced.
pub fn write(path: &Path, bytes: &[u8]) -> Result<()> {
    refuse_secret(path)?;
    stage(path, Access::Umask, |file| Ok(file.write_all(bytes)?))?
        .publish()
        .or_fail(Kind::Environment)
        .doing(writing(path))
}

/// Writes a new file that only its owner can read, whole or not at all. Never replaces one; `why` is
/// said of one that exists.
pub fn write_private(path: &Path, bytes: &[u8], why: &'static str) -> Result<()> {
    let result = stage(path, Access::Owner, |file| Ok(file.write_all(bytes)?))?.publish_new();
    let exists = result
        .as_ref()
        .is_err_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists);
    let result = result.or_fail(Kind::Environment).doing(writing(path));
    if exists { result.help(why) } else { result }
}

/// A file that is written but not yet under its name.
pub fn stage(
    path: &Path,
    access: Access,
    write: impl FnOnce(&mut File) -> Result<()>,
) -> Result<Staged> {
    let mut staged = Staged::new(path, access)
        .or_fail(Kind::Environment)
        .doing(writing(path))?;
    write(staged.file()).doing(writing(path))?;
    Ok(staged)
}

fn writing(path: &Path) -> String {
    format!("writing {}", path.display())
}

/// How an encrypted file begins.
pub const ENCRYPTED: &[u8] = b"scrypt";

/// How files begin that are never replaced: secrets, salts, openings.
const SECRETS: [&[u8]; 4] = [
    b"nascent secret v",
    b"nascent salt v",
    ENCRYPTED,
    &nascent::commitment::Opening::MAGIC,
];

/// Refuses to replace a secret, whatever the caller asks for.
pub fn refuse_secret(path: &Path) -> Result<()> {
    let regular = std::fs::metadata(path).is_ok_and(|metadata| metadata.is_file());
    if !regular {
        return Ok(());
    }
    let first = start(path, 16)?;
    if SECRETS.iter().any(|secret| first.starts_with(secret)) {
        let message = format!("{} is a secret", path.display());
        return Err(Failure::new(Kind::Usage, message)
            .help("a secret is never replaced, nor with --force: give another name"));
    }
    Ok(())
}

/// Whether only its owner can read a file, where the system has such a thing.
pub fn is_private(path: &Path) -> bool {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        std::fs::metadata(path).is_ok_and(|of| of.permissions().mode() & 0o077 == 0)
    }
    #[cfg(not(unix))]
    {
        let _ = path;
        false
    }
}

/// Refuses a file that others can read.
pub fn check_private(path: &Path) -> Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let metadata = std::fs::metadata(path)
            .or_fail(Kind::Environment)
            .doing(format!("reading {}", path.display()))?;
        let mode = metadata.permissions().mode() & 0o777;
        if mode & 0o077 != 0 {
            let message = format!("{} can be read by others (mode {mode:o})", path.display());
            return Err(Failure::new(Kind::Environment, message).help(format!(
                "chmod 600 {}; if others had access, make a new secret",
                path.display()
            )));
        }
    }
    let _ = path;
    Ok(())
}

/// Parses a digest of 64 hexadecimal digits, with or without `0x`.
pub fn digest(text: &str) -> std::result::Result<[u8; 32], String> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    let bytes = hex::decode(digits).map_err(|error| error.to_string())?;
    let length = bytes.len();
    bytes
        .try_into()
        .map_err(|_| format!("{length} bytes, expected 32"))
}

/// Parses bytes in hexadecimal, with or without `0x`.
pub fn hex_bytes(text: &str) -> std::result::Result<Vec<u8>, String> {
    hex::decode(text.strip_prefix("0x").unwrap_or(text)).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_digest_has_32_bytes() {
        assert!(digest(&"ab".repeat(32)).is_ok());
        assert!(digest(&format!("0x{}", "ab".repeat(32))).is_ok());
        assert!(digest("abcd").is_err());
        assert!(digest("zz").is_err());
    }

    #[test]
    fn reads_are_bounded_and_writes_replace_whole_files() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("x");
        write(&path, b"first").expect("written");
        write(&path, b"second").expect("written");
        assert_eq!(read_bounded(&path, 6).expect("fits"), b"second");
        let failure = read_bounded(&path, 5).expect_err("too large");
        assert_eq!(failure.kind(), Kind::Input);
        let failure = read_bounded(folder.path(), 5).expect_err("a folder");
        assert_eq!(failure.kind(), Kind::Environment);
        assert_eq!(fs::read_dir(folder.path()).expect("list").count(), 1);
        assert!(crate::paths::check_output(&path, false).is_err());
        assert!(crate::paths::check_output(&path, true).is_ok());
    }
}
