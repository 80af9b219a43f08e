//! The publisher's secret `sk`, and the file it lives in.
//!
//! In clear the file is text: a header line and 64 hexadecimal digits, the scalar little-endian.
//! Encrypted, it is that text in the format of the `scrypt` utility (scrypt, AES-256-CTR,
//! HMAC-SHA-256). Both are their owner's alone.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::passphrase::{Passphrase, PassphraseArgs};
use crate::paths::Paths;
use ff::{Field, PrimeField};
use halo2curves::bn256::Fr;
use nascent_circuits::seed::SeedMaterial;
use rand_core::{OsRng, RngCore};
use std::path::{Path, PathBuf};
use zeroize::{DefaultIsZeroes, Zeroizing};

const HEADER: &str = "nascent secret v1 (keep private)";
const SALT_HEADER: &str = "nascent salt v2 (keep private)";
/// How an encrypted file begins.
pub const ENCRYPTED: &[u8] = b"scrypt";
const MAX_BYTES: usize = 512;
/// Cost of a new file's passphrase: 128 MiB, about half a second.
const LOG_COST: u8 = 17;
/// Costs of a file that is read: at most 1 GiB.
const MAX_LOG_COST: u8 = 20;

/// `sk`: nonzero. Printing it shows nothing; dropping it wipes it.
pub struct Secret(Zeroizing<Scalar>);

#[derive(Clone, Copy, Default)]
struct Scalar(Fr);

impl DefaultIsZeroes for Scalar {}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(..)")
    }
}

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
        path.map(|path| Secret::read(path, &self.passphrase))
            .transpose()
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
            if let Some(secret) = Self::new(Fr::random(OsRng)) {
                return Ok(secret);
            }
        }
    }

    fn new(scalar: Fr) -> Option<Self> {
        let nonzero = !bool::from(scalar.is_zero());
        nonzero.then(|| Self(Zeroizing::new(Scalar(scalar))))
    }

    /// The scalar.
    pub fn scalar(&self) -> Fr {
        self.0.0
    }

    /// `pk`, little-endian.
    pub fn public_key(&self) -> [u8; 32] {
        let (beacon, model) = (Fr::ZERO, Fr::ZERO);
        SeedMaterial {
            secret: self.scalar(),
            beacon,
            model,
        }
        .public_key()
        .to_repr()
    }

    /// Writes a new file that only its owner can read, encrypted if there is a passphrase. Never
    /// replaces one.
    pub fn create(&self, path: &Path, passphrase: Option<&Passphrase>) -> Result<()> {
        let repr = Zeroizing::new(self.scalar().to_repr());
        let digits = Zeroizing::new(hex::encode(*repr));
        let text = Zeroizing::new(format!("{HEADER}\n{}\n", *digits));
        let bytes = match passphrase {
            Some(passphrase) => Zeroizing::new(encrypt(text.as_bytes(), passphrase)?),
            None => Zeroizing::new(text.as_bytes().to_vec()),
        };
        let why = "a secret is never replaced: a plan may depend on it; give another name";
        files::write_private(path, &bytes, why)
    }

    /// Reads a secret; asks for the passphrase if the file is encrypted.
    pub fn read(path: &Path, passphrase: &PassphraseArgs) -> Result<Self> {
        files::check_private(path)?;
        let bytes = Zeroizing::new(files::read_bounded(path, MAX_BYTES)?);
        let text = if bytes.starts_with(ENCRYPTED) {
            let passphrase = passphrase.existing(path)?;
            decrypt(&bytes, &passphrase).doing(format!("decrypting {}", path.display()))?
        } else {
            bytes
        };
        Self::parse(&text)
            .ok_or_else(|| {
                Failure::new(
                    Kind::Input,
                    format!(
                        "{} is not a secret file: expected a line {HEADER:?} and 64 hexadecimal digits",
                        path.display()
                    ),
                )
            })
            .help("`nascent keygen --out FILE` makes one")
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(bytes).ok()?;
        let digits = text
            .strip_prefix(HEADER)?
            .strip_prefix('\n')?
            .strip_suffix('\n')?;
        let mut repr = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits, &mut *repr).ok()?;
        Self::new(Option::from(Fr::from_repr(*repr))?)
    }
}

/// The salt of a hidden input or output, and the digest that it opens.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Salt {
    pub salt: Fr,
    /// Public: it stands in the proof.
    pub digest: [u8; 32],
}

impl Salt {
    /// Its file.
    pub fn text(&self) -> Zeroizing<String> {
        let digits = Zeroizing::new(hex::encode(self.salt.to_repr()));
        let digest = hex::encode(self.digest);
        Zeroizing::new(format!("{SALT_HEADER}\n{}\n{digest}\n", *digits))
    }

    /// Reads the file, if there is one.
    pub fn read(path: &Path) -> Result<Option<Self>> {
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        files::check_private(path)?;
        let bytes = Zeroizing::new(files::read_bounded(path, MAX_BYTES)?);
        let salt = Self::parse(&bytes).ok_or_else(|| {
            let message = format!("{} is not a salt's file of this version", path.display());
            Failure::new(Kind::Input, message)
                .help("give another name to the proof, or move that file away")
        })?;
        Ok(Some(salt))
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let mut lines = std::str::from_utf8(bytes).ok()?.lines();
        (lines.next()? == SALT_HEADER).then_some(())?;
        let mut repr = Zeroizing::new([0; 32]);
        hex::decode_to_slice(lines.next()?, &mut *repr).ok()?;
        let mut digest = [0; 32];
        hex::decode_to_slice(lines.next()?, &mut digest).ok()?;
        let salt = Option::from(Fr::from_repr(*repr))?;
        lines.next().is_none().then_some(Self { salt, digest })
    }
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
        let secret = Secret::random().expect("randomness");
        secret.create(&path, None).expect("written");
        let read = Secret::read(&path, &NONE).expect("read");
        assert_eq!(read.scalar(), secret.scalar());
        assert_eq!(format!("{secret:?}"), "Secret(..)");
        let failure = secret.create(&path, None).expect_err("never replaced");
        assert_eq!(failure.kind(), Kind::Environment);
    }

    #[test]
    fn encryption_hides_binds_and_bounds() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        let secret = Secret::random().expect("randomness");
        let passphrase = Passphrase::from("correct horse");
        secret.create(&path, Some(&passphrase)).expect("written");
        let bytes = std::fs::read(&path).expect("read");
        assert!(bytes.starts_with(ENCRYPTED) && bytes.len() <= MAX_BYTES);
        let digits = hex::encode(secret.scalar().to_repr());
        let shown = |part: &[u8]| bytes.windows(part.len()).any(|window| window == part);
        assert!(!shown(&digits.as_bytes()[..8]) && !shown(&secret.scalar().to_repr()[..4]));

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
        assert!(Secret::parse(&line(&format!("{one}00"))).is_none(), "long");
        assert!(Secret::parse(one.as_bytes()).is_none(), "no header");
    }

    #[cfg(unix)]
    #[test]
    fn a_readable_secret_is_refused() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("secret");
        Secret::random()
            .and_then(|secret| secret.create(&path, None))
            .expect("written");
        let mode = std::fs::metadata(&path)
            .expect("there")
            .permissions()
            .mode()
            & 0o777;
        assert_eq!(mode, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).expect("chmod");
        assert!(Secret::read(&path, &NONE).is_err());
    }
}
