//! The passphrase of an encrypted secret: from a file, the environment, or a person.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::paths::Paths;
use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// Name of the environment variable.
const VARIABLE: &str = "NASCENT_PASSPHRASE";
const MAX_BYTES: usize = 1024;

/// A passphrase; printing it shows nothing, dropping it wipes it.
pub struct Passphrase(Zeroizing<String>);

impl std::fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Passphrase(..)")
    }
}

impl AsRef<[u8]> for Passphrase {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
impl From<&str> for Passphrase {
    fn from(text: &str) -> Self {
        Self(Zeroizing::new(text.to_owned()))
    }
}

/// Where a passphrase comes from, if not from the terminal.
#[derive(Debug, clap::Args)]
pub struct PassphraseArgs {
    /// The passphrase of an encrypted secret, in a file that only you can read [default: the
    /// variable NASCENT_PASSPHRASE, else the terminal]
    #[arg(long, value_name = "FILE")]
    pub passphrase_file: Option<PathBuf>,
}

impl PassphraseArgs {
    /// The file that is read.
    pub fn declare(&self, paths: Paths) -> Paths {
        paths.read("--passphrase-file", &self.passphrase_file)
    }

    /// The passphrase of a file that exists.
    pub fn existing(&self, file: &Path) -> Result<Passphrase> {
        match self.given()? {
            Some(passphrase) => Ok(passphrase),
            None => prompt(&format!("passphrase of {}: ", file.display())),
        }
    }

    /// A passphrase for a new file; a person is asked twice.
    pub fn for_new(&self, file: &Path) -> Result<Passphrase> {
        if let Some(passphrase) = self.given()? {
            return Ok(passphrase);
        }
        let first = prompt(&format!("new passphrase for {}: ", file.display()))?;
        let second = prompt("the same again: ")?;
        if *first.0 != *second.0 {
            return Err(Failure::new(Kind::Usage, "the two passphrases differ"));
        }
        Ok(first)
    }

    /// From the file or the environment.
    fn given(&self) -> Result<Option<Passphrase>> {
        if let Some(path) = &self.passphrase_file {
            files::check_private(path)?;
            let bytes = Zeroizing::new(files::read_bounded(path, MAX_BYTES)?);
            let text = std::str::from_utf8(&bytes)
                .or_fail(Kind::Input)
                .doing(format!("passphrase file {}", path.display()))?;
            // What an editor ends a line with is not part of it.
            let text = text.strip_suffix('\n').unwrap_or(text);
            let text = text.strip_suffix('\r').unwrap_or(text);
            return checked(Zeroizing::new(text.to_owned())).map(Some);
        }
        match std::env::var(VARIABLE) {
            Ok(text) => checked(Zeroizing::new(text)).map(Some),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(error) => Err(Failure::new(Kind::Usage, format!("{VARIABLE}: {error}"))),
        }
    }
}

fn prompt(text: &str) -> Result<Passphrase> {
    if !std::io::stdin().is_terminal() {
        let message = "a passphrase is needed, and there is no terminal to ask for it";
        return Err(Failure::new(Kind::Usage, message)
            .help(format!("give it with --passphrase-file FILE or {VARIABLE}")));
    }
    let typed = rpassword::prompt_password(text).or_fail(Kind::Environment);
    checked(Zeroizing::new(typed.doing("asking for the passphrase")?))
}

fn checked(text: Zeroizing<String>) -> Result<Passphrase> {
    if text.is_empty() {
        return Err(Failure::new(Kind::Usage, "the passphrase is empty"));
    }
    Ok(Passphrase(text))
}
