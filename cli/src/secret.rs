//! The publisher's secret `sk`, and the file it lives in.
//!
//! The file is text: a header line and 64 hexadecimal digits, the scalar little-endian. It is
//! *not* encrypted; its protection is the file's mode.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_circuits::seed::SeedMaterial;
use rand_core::{OsRng, RngCore};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::path::Path;

const HEADER: &str = "nascent secret v1 (keep private)";
const SALT_HEADER: &str = "nascent salt v1 (keep private)";
const MAX_BYTES: usize = 256;

/// `sk`: nonzero. Printing it shows nothing.
#[derive(Clone, Copy)]
pub struct Secret(Fr);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl Secret {
    /// Draws a secret from the system's generator.
    pub fn random() -> Result<Self> {
        loop {
            let mut probe = [0; 8];
            // `Fr::random` would panic if the system had no randomness.
            OsRng.try_fill_bytes(&mut probe).map_err(|error| {
                Failure::new(
                    Kind::Environment,
                    format!("no randomness from the system: {error}"),
                )
            })?;
            let scalar = Fr::random(OsRng);
            if !bool::from(scalar.is_zero()) {
                return Ok(Self(scalar));
            }
        }
    }

    /// The scalar.
    pub fn scalar(&self) -> Fr {
        self.0
    }

    /// `pk`, little-endian.
    pub fn public_key(&self) -> [u8; 32] {
        let (beacon, model) = (Fr::ZERO, Fr::ZERO);
        SeedMaterial {
            secret: self.0,
            beacon,
            model,
        }
        .public_key()
        .to_repr()
    }

    /// Writes a new file that only its owner can read. Never replaces one.
    pub fn create(&self, path: &Path) -> Result<()> {
        let text = format!("{HEADER}\n{}\n", hex::encode(self.0.to_repr()));
        let why = "a secret is never replaced: a plan may depend on it; give another name";
        write_private(path, &text, why)
    }

    /// Reads a secret.
    pub fn read(path: &Path) -> Result<Self> {
        files::check_private(path)?;
        let bytes = files::read_bounded(path, MAX_BYTES)?;
        Self::parse(&bytes)
            .ok_or_else(|| {
                Failure::new(
                    Kind::Input,
                    format!("{} is not a secret file", path.display()),
                )
            })
            .help("`nascent secret new --out FILE` makes one")
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let digits = text
            .strip_prefix(HEADER)?
            .strip_prefix('\n')?
            .strip_suffix('\n')?;
        let repr: [u8; 32] = hex::decode(digits).ok()?.try_into().ok()?;
        let scalar = Option::<Fr>::from(Fr::from_repr(repr))?;
        (!bool::from(scalar.is_zero())).then_some(Self(scalar))
    }
}

/// Writes the salt of a hidden input or output to a new file that only its owner can read. Never
/// replaces one.
pub fn create_salt(path: &Path, salt: &[u8; 32]) -> Result<()> {
    let text = format!("{SALT_HEADER}\n{}\n", hex::encode(salt));
    let why = "a salt is never replaced: a proof may depend on it; give another name to the proof";
    write_private(path, &text, why)
}

/// Writes a new file that only its owner can read; `why` is said of one that exists.
fn write_private(path: &Path, text: &str, why: &'static str) -> Result<()> {
    let write = || -> std::io::Result<()> {
        let mut file = create_private(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    let result = write();
    let exists = result
        .as_ref()
        .is_err_and(|error| error.kind() == std::io::ErrorKind::AlreadyExists);
    let result = result
        .or_fail(Kind::Environment)
        .doing(format!("writing {}", path.display()));
    if exists {
        return result.help(why);
    }
    result
}

fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_survives_its_file_and_is_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let secret = Secret::random().expect("randomness");
        secret.create(&path).expect("written");
        assert_eq!(Secret::read(&path).expect("read").scalar(), secret.scalar());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let failure = secret.create(&path).expect_err("never replaced");
        assert_eq!(failure.kind(), Kind::Environment);
    }

    #[test]
    fn bad_secrets_are_refused() {
        let line = |digits: &str| format!("{HEADER}\n{digits}\n").into_bytes();
        assert!(
            Secret::parse(&line(&"00".repeat(32))).is_none(),
            "zero is the public seed"
        );
        assert!(
            Secret::parse(&line(&"ff".repeat(32))).is_none(),
            "not canonical"
        );
        assert!(Secret::parse(&line("01")).is_none());
        assert!(Secret::parse(b"").is_none());
        let one = format!("01{}", "00".repeat(31));
        assert!(Secret::parse(&line(&one)).is_some());
        assert!(Secret::parse(one.as_bytes()).is_none(), "no header");
    }

    #[cfg(unix)]
    #[test]
    fn a_readable_secret_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        Secret::random()
            .and_then(|secret| secret.create(&path))
            .expect("written");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(Secret::read(&path).is_err());
    }
}
