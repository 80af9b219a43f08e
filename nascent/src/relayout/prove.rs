//! Proofs of relayouts.

use super::{RelayoutError, StatementReport, lay_out};
use crate::commitment::{CommitError, Secrets};
use crate::derive::Origin;
use crate::error::{Cancelled, Failure, Kind};
use crate::keys::KeysError;
use crate::setting::Setting;
use crate::srs;
use nascent_ir::{CheckedGraph, Origins, Params};
use nascent_params::Srs;
use nascent_prover::derive::DeriveError;
use nascent_prover::link::{Blinding, ProveLinkError};
use nascent_prover::relayout::{RelayoutKeys, RelayoutProof, RelayoutProofError, deviates};
use nascent_verifier::codec::FormatError;
use nascent_verifier::link::CommittedTo;
use nascent_verifier::{
    Digest32, Links, ModelSpec, PlanError, RelayoutBundle, Srs as VerifierSrs, VerifyingKey,
};
use rand_core::{CryptoRng, RngCore};
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Why there is no proof of a relayout.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ProveError {
    /// Its layout, or its keys.
    #[error(transparent)]
    Relayout(Box<RelayoutError>),
    /// The deviates cannot be derived.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// A plan without a canonical form.
    #[error(transparent)]
    Plan(#[from] FormatError<PlanError>),
    /// The parameters are not the deviates, or the proof could not be made.
    #[error(transparent)]
    Proof(RelayoutProofError),
    /// The commitments.
    #[error(transparent)]
    Commitment(Box<CommitError>),
    /// The link to a tile.
    #[error("tile {index} of stream {stream}")]
    Tile {
        /// The stream.
        stream: u16,
        /// Which of its tiles.
        index: u64,
        /// Why there is none.
        source: ProveLinkError,
    },
    /// The link to the parameters.
    #[error("the parameters")]
    Parameters(#[source] ProveLinkError),
    /// The caller stopped the work.
    #[error(transparent)]
    Cancelled(#[from] Cancelled),
}

impl From<RelayoutError> for ProveError {
    fn from(error: RelayoutError) -> Self {
        Self::Relayout(Box::new(error))
    }
}

impl From<CommitError> for ProveError {
    fn from(error: CommitError) -> Self {
        Self::Commitment(Box::new(error))
    }
}

impl Failure for ProveError {
    fn kind(&self) -> Kind {
        match self {
            Self::Relayout(error) => error.kind(),
            Self::Derive(error) => error.kind(),
            Self::Proof(RelayoutProofError::Witness(_)) => Kind::Input,
            Self::Proof(RelayoutProofError::Derive(error)) => error.kind(),
            Self::Proof(_) => Kind::Internal,
            Self::Commitment(error) => error.kind(),
            Self::Plan(_) | Self::Tile { .. } | Self::Parameters(_) => Kind::Input,
            Self::Cancelled(error) => error.kind(),
        }
    }

    fn help(&self) -> Option<String> {
        match self {
            Self::Relayout(error) => error.help(),
            Self::Derive(error) | Self::Proof(RelayoutProofError::Derive(error)) => error.help(),
            Self::Commitment(error) => error.help(),
            Self::Tile { .. } => {
                let help = "the tiles must be of the relayout's size: nascent prove PLAN --k K";
                Some(help.to_owned())
            }
            _ => None,
        }
    }
}

/// Proves relayouts of one architecture to one plan's model.
pub struct Prover {
    keys: RelayoutKeys,
    srs: Srs,
}

/// A proof of a relayout, checked as its reader will check it.
#[derive(Debug)]
pub struct Relayout {
    /// The proof, to be given out.
    pub bundle: RelayoutBundle,
    /// The key that it is verified with.
    pub key: VerifyingKey,
    /// Its links to the commitments.
    pub links: Option<Links>,
    /// How long it took.
    pub time: Duration,
}

/// A proof of a relayout, for machines.
#[derive(Debug, Clone, Serialize)]
pub struct ProofReport {
    /// What it states.
    #[serde(flatten)]
    pub statement: StatementReport,
    /// Bytes of the proof.
    pub proof_bytes: usize,
    /// How long it took.
    pub prove_seconds: f64,
}

impl Relayout {
    /// All of it, for machines.
    pub fn report(&self) -> ProofReport {
        ProofReport {
            statement: StatementReport::new(&self.bundle),
            proof_bytes: self.bundle.proof.len(),
            prove_seconds: self.time.as_secs_f64(),
        }
    }
}

impl Prover {
    /// Makes the keys: a function of the layout and the SRS alone. The columns are looked at by
    /// themselves.
    ///
    /// # Errors
    /// There is no layout, or it takes more memory than the caller allows; the SRS is not there.
    pub fn new(
        setting: &Setting<'_>,
        model: &ModelSpec,
        graph: &CheckedGraph,
        origins: &Origins,
        srs: &Digest32,
    ) -> Result<Self, ProveError> {
        setting.go_on()?;
        let layout = lay_out(setting, model, graph, origins)?;
        let srs = srs::load(setting, srs, layout.shape.k).map_err(KeysError::from);
        let srs = srs.map_err(RelayoutError::from)?;
        setting.go_on()?;
        let keys = RelayoutKeys::generate(Arc::new(layout), origins, &srs);
        let keys = keys.map_err(RelayoutError::from)?;
        keys.circuit().check().map_err(RelayoutError::from)?;
        Ok(Self { keys, srs })
    }

    /// The key that the proof is verified with.
    pub fn key(&self) -> &VerifyingKey {
        self.keys.verifying_key()
    }

    /// The SRS, as a verifier has it.
    pub fn srs(&self) -> &VerifierSrs {
        self.srs.verifier_srs()
    }

    /// Proves that the parameters are the deviates of the plan, and links the proof to commitments to
    /// the tiles and to the parameters.
    ///
    /// # Errors
    /// They are not; the secret is another plan's; a commitment is missing, or to something else.
    pub fn prove(
        &self,
        setting: &Setting<'_>,
        origin: Origin<'_>,
        params: &Params,
        commitments: Option<&Secrets>,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Relayout, ProveError> {
        setting.go_on()?;
        let started = Instant::now();
        let deriver = origin.deriver()?;
        let lanes = deviates(self.keys.circuit().layout(), &deriver)?;
        let blinding = Blinding::draw(rng);
        let made = self.keys.prove(&self.srs, &lanes, params, &blinding);
        let made = made.map_err(ProveError::Proof)?;
        let time = started.elapsed();
        setting.go_on()?;
        let links = match commitments {
            Some(commitments) => Some(self.link(&made, &blinding, origin, commitments, rng)?),
            None => None,
        };
        Ok(Relayout {
            bundle: made.bundle,
            key: self.key().clone(),
            links,
            time,
        })
    }

    /// Links to the commitments to the tiles and to the parameters.
    fn link(
        &self,
        made: &RelayoutProof,
        blinding: &Blinding,
        Origin { plan, beacon, .. }: Origin<'_>,
        commitments: &Secrets,
        rng: &mut (impl RngCore + CryptoRng),
    ) -> Result<Links, ProveError> {
        let statement = &made.bundle.statement;
        let (plan, beacon) = (plan.digest()?, beacon.digest());
        let mut links = Vec::new();
        for (position, tile) in statement.tiles.iter().enumerate() {
            let (stream, index) = (tile.stream, tile.index);
            let (part, opening) = commitments.find(CommittedTo::Tile {
                plan,
                beacon,
                stream,
                index,
            })?;
            let keys = &self.keys;
            let link = keys.link_tile(made, blinding, position, part, opening, &mut *rng);
            links.push(link.map_err(|source| ProveError::Tile {
                stream,
                index,
                source,
            })?);
        }
        let architecture = statement.architecture;
        let (part, opening) = commitments.find(CommittedTo::Parameters { architecture })?;
        let link = self
            .keys
            .link_weights(made, blinding, part, opening, &mut *rng);
        links.push(link.map_err(ProveError::Parameters)?);
        Ok(Links { links })
    }
}
