//! Commitments as their publisher has them, with the secrets that belong to them.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use crate::paths;
use nascent::commitment::{Committed, Opening, Secrets};
use nascent_verifier::codec::Format;
use nascent_verifier::{CommitmentData, Srs};
use rand_core::OsRng;
use std::path::{Path, PathBuf};
use zeroize::Zeroizing;

/// A commitment and the secret that belongs to it.
#[derive(Debug, clap::Args)]
pub struct CommittedArgs {
    /// The published commitment
    #[arg(long, value_name = "FILE")]
    pub commitment: PathBuf,
    /// The secret that was made with it
    #[arg(long, value_name = "FILE")]
    pub opening: PathBuf,
}

impl CommittedArgs {
    /// Reads both files.
    pub fn load(&self) -> Result<Committed> {
        load(&self.commitment, &self.opening)
    }
}

/// Reads a commitment and its secret; they must belong together.
pub fn load(commitment: &Path, opening: &Path) -> Result<Committed> {
    let data: CommitmentData = files::read(commitment)?;
    let committed = Committed::new(data, read_opening(opening)?);
    let doing = || format!("{} and {}", commitment.display(), opening.display());
    committed.map_err(Failure::from).doing(doing())
}

fn read_opening(path: &Path) -> Result<Opening> {
    files::check_private(path)?;
    let bytes = Zeroizing::new(files::read_bounded(path, Opening::MAX_BYTES)?);
    files::decode(path, &bytes)
}

/// The secret in a file, which is made if there is none.
pub fn obtain_opening(path: &Path) -> Result<Opening> {
    if path.exists() {
        return read_opening(path);
    }
    paths::check_output(path, false)?;
    let opening = Opening::draw(&mut OsRng);
    let bytes = Zeroizing::new(opening.encode().or_fail(Kind::Internal)?);
    files::write_private(
        path,
        &bytes,
        "a secret is never replaced: give another name",
    )?;
    Ok(opening)
}

/// Reads commitments that a proof is to be linked to; each must have its secret among those given.
pub fn secrets(commitments: &[PathBuf], openings: &[PathBuf], srs: &Srs) -> Result<Secrets> {
    let openings = openings.iter().map(|path| read_opening(path));
    let openings = openings.collect::<Result<Vec<_>>>()?;
    let mut secrets = Secrets::default();
    for path in commitments {
        let data: CommitmentData = files::read(path)?;
        let added = secrets.add(&data, &openings, srs);
        added.map_err(|error| refused(error, path))?;
    }
    Ok(secrets)
}

/// A failure about a commitment, which names its file.
pub fn refused(error: impl Into<Failure>, path: &Path) -> Failure {
    let failure = error.into();
    match failure.kind() {
        Kind::Refused => failure.context(format!("REFUSED: {}", path.display())),
        _ => failure.context(path.display().to_string()),
    }
}
