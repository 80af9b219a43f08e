//! The files of a publisher's secret `sk`, and of salts.
//!
//! In clear the file is text: a header line and 64 hexadecimal digits, the scalar little-endian.
//! Encrypted, it is that text in the format of the `scrypt` utility (scrypt, AES-256-CTR,
//! HMAC-SHA-256). Both are their owner's alone.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files::{self, ENCRYPTED};
use crate::passphrase::{Passphrase, PassphraseArgs};
use crate::paths::Paths;
use nascent::secret::{SECRET_HEADER, Salt, Secret};
use rand_core::OsRng;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

const MAX_BYTES: usize = 512;
/// Cost of a new file's passphrase: 128 MiB, about half a second.
const LOG_COST: u8 = 17;
/// Costs of a file that is read: at most 1 GiB.
const MAX_LOG_COST: u8 = 20;

/// The secret of a hidden seed, on the command line.
#[derive(Debug, clap::Args)]
pub struct SecretArgs {
    /// The publisher's secret, for a hidden seed
    #[arg(long, value_name = "FILE")]
    pub secret: Option<PathBuf>,
    #[command(flatten)]
    pub passphrase: PassphraseArgs,
}

impl SecretArgs {
    /// The files that are read.
    pub fn declare(&self, paths: Paths) -> Paths {
        let paths = paths.read("--secret", &self.secret);
        self.passphrase.declare(paths)
    }

    /// Reads the secret, if one was named.
    pub fn read(&self) -> Result<Option<Secret>> {
        let path = self.secret.as_deref();
        path.map(|path| read(path, &self.passphrase)).transpose()
    }
}

/// Draws a secret from the system's generator.
pub fn draw() -> Result<Secret> {
    Secret::draw(&mut OsRng).map_err(|error| {
        Failure::new(
            Kind::Environment,
            format!("no randomness from the system: {error}"),
        )
    })
}

/// Writes a new file that only its owner can read, encrypted if there is a passphrase. Never replaces one.
pub fn create(secret: &Secret, path: &Path, passphrase: Option<&Passphrase>) -> Result<()> {
    let text = secret.text();
    let bytes = match passphrase {
        Some(passphrase) => Zeroizing::new(encrypt(text.as_bytes(), passphrase)?),
        None => Zeroizing::new(text.as_bytes().to_vec()),
    };
    let why = "a secret is never replaced: a plan may depend on it; give another name";
    files::write_private(path, &bytes, why)
}

/// Reads a secret; asks for the passphrase if the file is encrypted.
pub fn read(path: &Path, passphrase: &PassphraseArgs) -> Result<Secret> {
    files::check_private(path)?;
    let bytes = Zeroizing::new(files::read_bounded(path, MAX_BYTES)?);
    let text = if bytes.starts_with(ENCRYPTED) {
        let passphrase = passphrase.existing(path)?;
        decrypt(&bytes, &passphrase).doing(format!("decrypting {}", path.display()))?
    } else {
        bytes
    };
    Secret::parse(&text)
        .ok_or_else(|| {
            Failure::new(
                Kind::Input,
                format!(
                    "{} is not a secret file: expected a line {SECRET_HEADER:?} and 64 hexadecimal digits",
                    path.display()
                ),
            )
        })
        .help("`nascent keygen --out FILE` makes one")
}

/// Reads the file of a salt, if there is one.
pub fn read_salt(path: &Path) -> Result<Option<Salt>> {
    if path.symlink_metadata().is_err() {
        return Ok(None);
    }
    files::check_private(path)?;
    let bytes = Zeroizing::new(files::read_bounded(path, MAX_BYTES)?);
    let salt = Salt::parse(&bytes).ok_or_else(|| {
        let message = format!("{} is not a salt's file of this version", path.display());
        Failure::new(Kind::Input, message)
            .help("give another name to the proof, or move that file away")
    })?;
    Ok(Some(salt))
}

fn encrypt(text: &[u8], passphrase: &Passphrase) -> Result<Vec<u8>> {
    use scryptenc::scrypt::Params;
    let params = Params::new(LOG_COST, 8, 1, Params::RECOMMENDED_LEN).or_fail(Kind::Internal)?;
    Ok(scryptenc::encrypt_with_params(text, passphrase, params))
}

fn decrypt(bytes: &[u8], passphrase: &Passphrase) -> Result<Zeroizing<Vec<u8>>> {
    use scryptenc::{Decryptor, Error, Params};
    let damaged = |error: Error| Failure::from_error(Kind::Input, error);
    let params = Params::new(bytes).map_err(damaged)?;
    // Before anything is computed: the file says how much memory its passphrase takes.
    if params.log_n() > MAX_LOG_COST || params.r() > 8 || params.p() > 4 {
        let message = "its passphrase takes more work than any file of nascent's";
        return Err(Failure::new(Kind::Input, message));
    }
    let cipher = Decryptor::new(&bytes, passphrase).map_err(|error| match error {
        Error::InvalidHeaderMac(_) => Failure::new(Kind::Usage, "wrong passphrase"),
        error => damaged(error),
    })?;
    Ok(Zeroizing::new(cipher.decrypt_to_vec().map_err(damaged)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: PassphraseArgs = PassphraseArgs {
        passphrase_file: None,
    };

    #[test]
    fn a_secret_survives_its_file_and_is_never_shown() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let secret = draw().expect("randomness");
        create(&secret, &path, None).expect("written");
        let read = read(&path, &NONE).expect("read");
        assert_eq!(read.scalar(), secret.scalar());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let failure = create(&secret, &path, None).expect_err("never replaced");
        assert_eq!(failure.kind(), Kind::Environment);
    }

    #[test]
    fn encryption_hides_binds_and_bounds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let secret = draw().expect("randomness");
        let passphrase = Passphrase::from("correct horse");
        create(&secret, &path, Some(&passphrase)).expect("written");
        let bytes = std::fs::read(&path).expect("read");
        assert!(bytes.starts_with(ENCRYPTED) && bytes.len() <= MAX_BYTES);
        let text = secret.text();
        let digits = text.lines().nth(1).expect("digits").to_owned();
        let scalar = hex::decode(&digits).expect("digits");
        let shown = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!shown(&digits.as_bytes()[..8]) && !shown(&scalar[..4]));

        let text = decrypt(&bytes, &passphrase).expect("decrypts");
        let again = Secret::parse(&text).expect("a secret");
        assert_eq!(again.scalar(), secret.scalar());
        let failure = decrypt(&bytes, &Passphrase::from("wrong horse")).expect_err("wrong");
        assert_eq!(failure.messages(), ["wrong passphrase"]);
        assert_eq!(failure.kind(), Kind::Usage);

        // Damage anywhere, and a cost that would take the machine.
        let last = bytes.len() - 1;
        for place in [6, 7, 20, 50, 100, last] {
            let mut damaged = bytes.clone();
            damaged[place] ^= 1;
            assert!(decrypt(&damaged, &passphrase).is_err(), "byte {place}");
        }
        for length in [6, 64, 127, 128, last] {
            assert!(decrypt(&bytes[..length], &passphrase).is_err(), "{length}");
        }
        let mut costly = bytes;
        costly[7] = 40;
        let failure = decrypt(&costly, &passphrase).expect_err("too much work");
        assert_eq!(failure.kind(), Kind::Input);
    }

    #[cfg(unix)]
    #[test]
    fn a_readable_secret_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        draw()
            .and_then(|secret| create(&secret, &path, None))
            .expect("written");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(read(&path, &NONE).is_err());
    }
}
