//! Commitments as their publisher has them, with the secrets that belong to them.

use crate::failure::{Classify, Explain, Failure, Kind, Result};
use crate::files;
use nascent_ir::CheckedGraph;
use nascent_prover::link::{Committer, Opening};
use nascent_verifier::codec::Format;
use nascent_verifier::link::{CommittedTo, Part};
use nascent_verifier::{CommitmentData, Srs, WeightCommitment};
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

/// A commitment as its publisher has it.
pub struct Committed {
    pub data: CommitmentData,
    pub opening: Opening,
}

impl CommittedArgs {
    pub fn load(&self) -> Result<Committed> {
        Committed::load(&self.commitment, &self.opening)
    }
}

impl Committed {
    /// Reads both files; they must belong together.
    pub fn load(commitment: &Path, opening: &Path) -> Result<Self> {
        let data: CommitmentData = files::read(commitment)?;
        let secret = read_opening(opening)?;
        if data.parts.iter().all(|part| part.opening != secret.id()) {
            let message = format!(
                "{} belongs to another commitment than {}",
                opening.display(),
                commitment.display()
            );
            return Err(Failure::new(Kind::Usage, message));
        }
        Ok(Self {
            data,
            opening: secret,
        })
    }
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
    files::check_output(path, false)?;
    let opening = Opening::draw(&mut OsRng);
    let bytes = Zeroizing::new(opening.encode().or_fail(Kind::Internal)?);
    files::write_private(
        path,
        &bytes,
        "a secret is never replaced: give another name",
    )?;
    Ok(opening)
}

/// What a commitment to a model's parameters is to.
pub fn subject(graph: &CheckedGraph) -> Result<CommittedTo> {
    let architecture = graph.digest().or_fail(Kind::Internal)?;
    Ok(CommittedTo::Parameters { architecture })
}

/// Checks that a commitment is to these cells of this architecture's parameter columns; gives it
/// as its reader has it.
pub fn check_open(
    path: &Path,
    committed: &Committed,
    graph: &CheckedGraph,
    cells: &[Vec<i64>],
    srs: &nascent_params::Srs,
) -> Result<WeightCommitment> {
    let refused = || format!("REFUSED: {}", path.display());
    let checked = WeightCommitment::new(&committed.data, srs.verifier_srs())
        .or_fail(Kind::Refused)
        .doing(refused())?;
    let part = checked
        .part(&subject(graph)?)
        .ok_or_else(|| other_architecture(path))?;
    let tail = part.key().points().len();
    Committer::new(srs, tail)
        .open(part, cells, &committed.opening)
        .or_fail(Kind::Refused)
        .doing(refused())
        .help("the parameters are not the ones that were committed")?;
    Ok(checked)
}

fn other_architecture(path: &Path) -> Failure {
    let message = format!(
        "REFUSED: {} is not a commitment to parameters of this architecture",
        path.display()
    );
    Failure::new(Kind::Refused, message)
}

/// What of commitments a proof is to be linked to, with the secrets that belong to it.
pub struct Publisher {
    parts: Vec<(Part, Opening)>,
}

impl Publisher {
    /// Reads the files; each commitment must have its secret among them.
    pub fn load(commitments: &[PathBuf], openings: &[PathBuf], srs: &Srs) -> Result<Self> {
        let openings = openings.iter().map(|path| read_opening(path));
        let openings = openings.collect::<Result<Vec<_>>>()?;
        let mut parts = Vec::new();
        for path in commitments {
            let data: CommitmentData = files::read(path)?;
            let commitment = checked(path, &data, srs)?;
            for (part, data) in commitment.parts().iter().zip(&data.parts) {
                let opening = openings.iter().find(|opening| opening.id() == data.opening);
                let opening = opening.ok_or_else(|| {
                    let message =
                        format!("none of the secrets given is that of {}", path.display());
                    Failure::new(Kind::Usage, message)
                        .help("--opening FILE gives the one that it was made with")
                })?;
                parts.push((part.clone(), opening.clone()));
            }
        }
        Ok(Self { parts })
    }

    /// The part about these weights, and the secret that it was made with.
    pub fn find(&self, subject: &CommittedTo) -> Result<(&Part, &Opening)> {
        let mut parts = self.parts.iter();
        let found = parts.find(|(part, _)| part.subject() == subject);
        let (part, opening) = found.ok_or_else(|| no_part(subject))?;
        Ok((part, opening))
    }
}

fn no_part(subject: &CommittedTo) -> Failure {
    let what = match subject {
        CommittedTo::Parameters { .. } => "the parameters of this architecture".to_owned(),
        CommittedTo::Tile { stream, index, .. } => {
            format!("tile {index} of stream {stream} of this plan and beacon value")
        }
    };
    Failure::new(
        Kind::Input,
        format!("no commitment was given that is to {what}"),
    )
}

/// Decodes a commitment; a refusal names its file.
pub fn checked(path: &Path, data: &CommitmentData, srs: &Srs) -> Result<WeightCommitment> {
    WeightCommitment::new(data, srs)
        .or_fail(Kind::Refused)
        .doing(format!("REFUSED: {}", path.display()))
}
