//! Commitments as their publisher has them: with the secrets that they were made with.

use crate::error::{Failure, Kind};
use crate::model::{self, ModelError};
use crate::setting::Setting;
use crate::srs::{self, SrsError};
use nascent_circuits::inference::{ExecuteError, Hidden, InferenceCircuit};
use nascent_ir::{CheckedGraph, GraphError, Params};
use nascent_prover::link::{Columns, Committer, OpenError, Opening};
use nascent_verifier::codec::FormatError;
use nascent_verifier::link::{
    CommitmentError as DataError, CommittedTo, LinkKeyError, Part, PartData, tail_rows,
};
use nascent_verifier::{CommitmentData, Digest32, Srs as VerifierSrs, WeightCommitment};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why there is no commitment, or why it is not to what its publisher says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CommitError {
    /// The architecture's circuit, or its key.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Its SRS.
    #[error(transparent)]
    Srs(#[from] SrsError),
    /// An architecture without a canonical form.
    #[error(transparent)]
    Graph(#[from] FormatError<GraphError>),
    /// Parameters that do not fit the architecture.
    #[error(transparent)]
    Params(#[from] ExecuteError),
    /// There is nothing to commit to.
    #[error("the architecture has no parameters to commit to")]
    NoParameters,
    /// The previous commitment is of no use.
    #[error(transparent)]
    Previous(OpenError),
    /// Columns that are none of the circuit's.
    #[error(transparent)]
    Columns(OpenError),
    /// The points of the tail.
    #[error(transparent)]
    Tail(#[from] LinkKeyError),
    /// The commitment is not valid, or of another SRS.
    #[error(transparent)]
    Data(#[from] FormatError<DataError>),
    /// It is to something else.
    #[error("it is not a commitment to parameters of this architecture")]
    OtherArchitecture,
    /// It is to the parameters of a circuit that hides other values.
    #[error("it is for another circuit of this model")]
    OtherCircuit,
    /// It is to other parameters.
    #[error(transparent)]
    Differs(OpenError),
    /// The secret is another commitment's.
    #[error("the secret belongs to another commitment")]
    OtherSecret,
    /// No secret that was given is the commitment's.
    #[error("none of the secrets given is that of the commitment")]
    NoSecret,
    /// Nothing was given that is to these weights.
    #[error("no commitment was given that is to {}", words(subject))]
    Missing {
        /// What it should be to.
        subject: CommittedTo,
    },
}

impl Failure for CommitError {
    fn kind(&self) -> Kind {
        match self {
            Self::Model(error) => error.kind(),
            Self::Srs(error) => error.kind(),
            Self::Graph(_) | Self::Columns(_) | Self::Tail(_) => Kind::Internal,
            Self::Previous(OpenError::Previous | OpenError::PreviousSecret)
            | Self::OtherCircuit
            | Self::OtherSecret
            | Self::NoSecret => Kind::Usage,
            Self::Params(_) | Self::NoParameters | Self::Previous(_) | Self::Missing { .. } => {
                Kind::Input
            }
            Self::Data(_) | Self::OtherArchitecture | Self::Differs(_) => Kind::Refused,
        }
    }

    fn help(&self) -> Option<String> {
        let help = match self {
            Self::Model(error) => return error.help(),
            Self::Srs(error) => return error.help(),
            Self::Differs(_) => "the parameters are not the ones that were committed",
            Self::OtherCircuit => {
                "what is hidden is another circuit's: commit with the same --hide-input and \
                 --hide-output"
            }
            Self::NoSecret => "--opening FILE gives the one that it was made with",
            _ => return None,
        };
        Some(help.to_owned())
    }
}

fn words(subject: &CommittedTo) -> String {
    match subject {
        CommittedTo::Parameters { .. } => "the parameters of this architecture".to_owned(),
        CommittedTo::Tile { stream, index, .. } => {
            format!("tile {index} of stream {stream} of this plan and beacon value")
        }
    }
}

/// What a commitment to a model's parameters is to.
pub(crate) fn subject(graph: &CheckedGraph) -> Result<CommittedTo, FormatError<GraphError>> {
    let architecture = graph.digest()?;
    Ok(CommittedTo::Parameters { architecture })
}

/// The columns that hold a model's parameters in a circuit of it.
pub struct ParameterColumns {
    circuit: InferenceCircuit,
    columns: Columns,
    srs: nascent_params::Srs,
    tail: usize,
}

/// A commitment to other parameters of the same architecture, by the same secret.
#[derive(Debug, Clone, Copy)]
pub struct Previous<'a> {
    /// The commitment.
    pub data: &'a CommitmentData,
    /// The parameters that it is to.
    pub params: &'a Params,
}

/// A commitment that was made, and checked as its reader will check it.
#[derive(Debug)]
pub struct Made {
    /// To be published.
    pub data: CommitmentData,
    /// Its identity.
    pub digest: Digest32,
    /// How many numbers it is to.
    pub parameters: u64,
    /// In how many columns.
    pub columns: usize,
    /// How many cells differ from the previous commitment's.
    pub changed: Option<u64>,
    /// How long it took.
    pub time: Duration,
}

/// A commitment that was made, for machines. Digests are in hexadecimal.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "as in `Made`, or said by the fields' names")]
pub struct MadeReport {
    pub digest: String,
    pub vk_digest: Option<String>,
    pub parameters: u64,
    pub columns: usize,
    pub changed: Option<u64>,
    pub srs: String,
    pub development_srs: bool,
    pub seconds: f64,
}

impl Made {
    /// All of it but its points, for machines.
    pub fn report(&self) -> MadeReport {
        let part = self.data.parts.first();
        MadeReport {
            digest: hex::encode(self.digest),
            vk_digest: part.map(|part| hex::encode(part.vk_digest)),
            parameters: self.parameters,
            columns: self.columns,
            changed: self.changed,
            srs: hex::encode(self.data.srs_digest),
            development_srs: srs::is_development(&self.data.srs_digest),
            seconds: self.time.as_secs_f64(),
        }
    }
}

impl ParameterColumns {
    /// Those of the circuit that hides such values, under an SRS.
    ///
    /// # Errors
    /// A circuit that takes more memory than the caller allows; one without parameters; an SRS that is
    /// not there.
    pub fn of(
        setting: &Setting<'_>,
        graph: &CheckedGraph,
        hidden: Hidden,
        srs: &Digest32,
    ) -> Result<Self, CommitError> {
        let model::Derived { circuit, key, srs } =
            model::verifying_key(setting, graph, hidden, srs)?;
        Ok(Self {
            circuit,
            columns: Columns {
                subject: subject(graph)?,
                vk_digest: *key.digest(),
            },
            srs,
            tail: tail_rows(&key, 0).ok_or(CommitError::NoParameters)?,
        })
    }

    /// Commits to parameters; from a previous commitment only what differs is computed.
    ///
    /// # Errors
    /// Parameters that do not fit; a previous commitment to something else, or by another secret.
    pub fn commit(
        &self,
        params: &Params,
        opening: &Opening,
        previous: Option<Previous<'_>>,
    ) -> Result<Made, CommitError> {
        let started = Instant::now();
        let cells = self.circuit.parameter_cells(params)?;
        let committer = Committer::new(&self.srs, self.tail);
        let (points, changed) = match previous {
            Some(previous) => {
                let old = self.circuit.parameter_cells(previous.params)?;
                let data = previous.data;
                let checked = WeightCommitment::new(data, self.srs.verifier_srs())?;
                let part = checked.part(&self.columns.subject);
                let part = part.filter(|part| *part.vk_digest() == self.columns.vk_digest);
                let part = part.ok_or(CommitError::Previous(OpenError::Previous))?;
                if data.parts.iter().any(|part| part.opening != opening.id()) {
                    return Err(CommitError::Previous(OpenError::PreviousSecret));
                }
                let made = committer.commit_from(part, &old, &cells, opening);
                let (points, changed) = made.map_err(CommitError::Previous)?;
                (points, Some(changed))
            }
            None => {
                let points = committer.commit(&self.columns, &cells, opening);
                (points.map_err(CommitError::Columns)?, None)
            }
        };
        let data = CommitmentData {
            srs_digest: *self.srs.identity(),
            tails: vec![committer.tail_points()?],
            parts: vec![PartData {
                subject: self.columns.subject,
                vk_digest: self.columns.vk_digest,
                opening: opening.id(),
                tail: 0,
                points,
            }],
        };
        let checked = WeightCommitment::new(&data, self.srs.verifier_srs())?;
        Ok(Made {
            digest: *checked.digest(),
            parameters: params.values.values().map(|of| of.len() as u64).sum(),
            columns: cells.len(),
            changed,
            time: started.elapsed(),
            data,
        })
    }
}

/// A commitment as its publisher has it: with its secret.
#[derive(Debug, Clone)]
pub struct Committed {
    /// The commitment.
    pub data: CommitmentData,
    /// The secret.
    pub opening: Opening,
}

impl Committed {
    /// A commitment and the secret that it was made with.
    ///
    /// # Errors
    /// They do not belong together.
    pub fn new(data: CommitmentData, opening: Opening) -> Result<Self, CommitError> {
        if data.parts.iter().all(|part| part.opening != opening.id()) {
            return Err(CommitError::OtherSecret);
        }
        Ok(Self { data, opening })
    }

    /// Checks that it is to these cells of an architecture's parameter columns; gives it as its reader
    /// has it.
    pub(crate) fn check(
        &self,
        subject: &CommittedTo,
        cells: &[Vec<i64>],
        srs: &nascent_params::Srs,
    ) -> Result<WeightCommitment, CommitError> {
        let checked = WeightCommitment::new(&self.data, srs.verifier_srs())?;
        let part = checked.part(subject);
        let part = part.ok_or(CommitError::OtherArchitecture)?;
        let committer = Committer::new(srs, part.key().points().len());
        let opened = committer.open(part, cells, &self.opening);
        opened.map_err(CommitError::Differs)?;
        Ok(checked)
    }
}

/// Checks that a commitment is to exactly these parameters; gives its digest, and the number of its
/// columns.
///
/// # Errors
/// It is not; a circuit that takes more memory than the caller allows; an SRS that is not there.
pub fn open(
    setting: &Setting<'_>,
    graph: &CheckedGraph,
    params: &Params,
    hidden: Hidden,
    committed: &Committed,
) -> Result<(Digest32, usize), CommitError> {
    let (layout, shape) = model::lay_out(setting, graph, hidden)?;
    model::allow_key(setting, &layout, &shape).map_err(ModelError::from)?;
    let srs = srs::load(setting, &committed.data.srs_digest, shape.k)?;
    let circuit = InferenceCircuit::new(Arc::new(layout), shape);
    let cells = circuit.parameter_cells(params)?;
    let checked = committed.check(&subject(graph)?, &cells, &srs)?;
    Ok((*checked.digest(), cells.len()))
}

/// What of commitments a proof is to be linked to, with the secrets that belong to it.
#[derive(Debug, Default)]
pub struct Secrets {
    parts: Vec<(Part, Opening)>,
}

impl Secrets {
    /// Of commitments that were made with one secret.
    ///
    /// # Errors
    /// As [`Secrets::add`].
    pub fn of(
        commitments: &[&CommitmentData],
        opening: &Opening,
        srs: &VerifierSrs,
    ) -> Result<Self, CommitError> {
        let mut secrets = Self::default();
        for data in commitments {
            secrets.add(data, std::slice::from_ref(opening), srs)?;
        }
        Ok(secrets)
    }

    /// Adds a commitment, whose secret is among these.
    ///
    /// # Errors
    /// The commitment is not valid, or of another SRS; its secret is not there.
    pub fn add(
        &mut self,
        data: &CommitmentData,
        openings: &[Opening],
        srs: &VerifierSrs,
    ) -> Result<(), CommitError> {
        let commitment = WeightCommitment::new(data, srs)?;
        for (part, data) in commitment.parts().iter().zip(&data.parts) {
            let mut openings = openings.iter();
            let opening = openings.find(|opening| opening.id() == data.opening);
            let opening = opening.ok_or(CommitError::NoSecret)?;
            self.parts.push((part.clone(), opening.clone()));
        }
        Ok(())
    }

    /// The part about these weights, and the secret that it was made with.
    pub(crate) fn find(&self, subject: CommittedTo) -> Result<(&Part, &Opening), CommitError> {
        let mut parts = self.parts.iter();
        let found = parts.find(|(part, _)| *part.subject() == subject);
        let (part, opening) = found.ok_or(CommitError::Missing { subject })?;
        Ok((part, opening))
    }
}
