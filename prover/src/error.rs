//! What can go wrong between parameters and a proof.

use std::io;
use std::path::PathBuf;

use nascent_circuits::canonical::TopDigitsOfModulus;
use nascent_circuits::tile::ShapeError;
use nascent_params::ParamsError;
use nascent_verifier::{
    BeaconError, Digest32, FormatError, PlanError, ProofError, SpecError, VkError,
};
use thiserror::Error;

use crate::export::ExportError;
use crate::plonk::PlonkError;

/// Why there are no keys.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum KeyError {
    /// Keys need an SRS of exactly the size of the tile.
    #[error("the SRS has 2^{got} powers, the tile needs 2^{expected}: derive that size from it")]
    SrsSize {
        /// Binary logarithm of the rows.
        expected: u32,
        /// Binary logarithm of the powers.
        got: u32,
    },
    /// A number that does not fit the key's format.
    #[error("the tile is too large for the key format")]
    TooLarge,
    /// The prover refuses the circuit.
    #[error("key generation: {0}")]
    Circuit(#[from] PlonkError),
    /// The verifier's data cannot be made.
    #[error("export of the verifying key: {0}")]
    Export(#[from] ExportError),
    /// A verifying key that is not this circuit's.
    #[error("verifying key {} where the circuit has {}", Hex(got), Hex(expected))]
    Mismatch {
        /// Digest of the circuit's key.
        expected: Digest32,
        /// Digest of the key given.
        got: Digest32,
    },
    /// A verifying key whose number of commitments is not this circuit's.
    #[error("verifying key with {got} commitments, the circuit has {expected}")]
    Commitments {
        /// Fixed columns of the circuit.
        expected: usize,
        /// Commitments of the key.
        got: usize,
    },
    /// A key file is not a key file.
    #[error("key file {path}: {source}")]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: FormatError<VkError>,
    },
    /// The file system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Why a plan cannot be carried out with this value and secret.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SubjectError {
    /// The plan is not valid.
    #[error("plan: {0}")]
    Plan(#[from] FormatError<PlanError>),
    /// The model specification is not valid.
    #[error("model specification: {0}")]
    Model(FormatError<SpecError>),
    /// The beacon value is not valid.
    #[error("beacon: {0}")]
    Beacon(BeaconError),
    /// The secret does not belong to the publisher key of the plan.
    #[error("the secret does not belong to the publisher key of the plan")]
    WrongSecret,
    /// The plan has a hidden seed, and no secret was given.
    #[error("the plan has a hidden seed: its secret is needed")]
    MissingSecret,
    /// The plan has a public seed, and a secret was given.
    #[error("the plan has a public seed: prove without a secret")]
    SecretForPublicSeed,
}

/// Why a tile is not proved.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ProveError {
    /// Proving needs an SRS of exactly the size of the keys.
    #[error("the SRS has 2^{got} powers, the keys need 2^{expected}")]
    SrsSize {
        /// Binary logarithm of the rows.
        expected: u32,
        /// Binary logarithm of the powers.
        got: u32,
    },
    /// An SRS other than the one of the statement.
    #[error("SRS {} where the statement has {}", Hex(got), Hex(expected))]
    SrsIdentity {
        /// Identity in the statement.
        expected: Digest32,
        /// Identity of the SRS given.
        got: Digest32,
    },
    /// An output of the stream for which the circuit has no witness: less likely than `2^-61`
    /// each with limbs of 16 bits. Another beacon value gives another stream.
    #[error("tile {index} of stream {stream} cannot be proved: {source}")]
    Unprovable {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
        /// The output.
        source: TopDigitsOfModulus,
    },
    /// Blocks past the end of the 64-bit counter.
    #[error("tile {index} is past the end of any stream")]
    IndexOverflow {
        /// Index of the tile.
        index: u64,
    },
    /// The backend cannot make the proof.
    #[error("proof: {0}")]
    Backend(#[from] PlonkError),
    /// The proof just made does not verify: a fault of the machine or of this program.
    #[error("the proof of tile {index} of stream {stream} does not verify: {source}")]
    Refused {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
        /// What the verifier says.
        source: ProofError,
    },
}

/// Why the machine could not be tried.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum CalibrationError {
    /// The small tile cannot be laid out.
    #[error(transparent)]
    Shape(#[from] ShapeError),
    /// The small SRS cannot be made.
    #[error(transparent)]
    Params(#[from] ParamsError),
    /// The small keys cannot be made.
    #[error(transparent)]
    Keys(#[from] KeyError),
    /// The small proof cannot be made.
    #[error(transparent)]
    Prove(#[from] ProveError),
}

/// A digest in hexadecimal.
pub(crate) struct Hex<'a>(pub(crate) &'a [u8]);

impl std::fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}
