//! Which step of a chain is refused, and why.

use crate::bundle::BundleError;
use crate::codec::FormatError;
use crate::digest::{Digest32, Hex};
use crate::inference::InferenceError;
use crate::init::VerifyError;
use crate::link::{CommitmentError, LinkError, LinksError};
use crate::relayout::RelayoutError;
use crate::spec::SpecError;
use crate::text::Quoted;
use alloc::string::String;
use core::fmt;

/// A step of a chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Plan, beacon value and the proofs of the tiles; by position.
    Initialization(usize),
    /// The commitment to the deviates, and the tiles' links to it; by position.
    Deviates(usize),
    /// A version of the weights: its commitment, and where they come from.
    Version(String),
    /// An answer.
    Answer {
        /// Position, from 1.
        number: usize,
        /// Name of the version.
        version: String,
    },
    /// The chain as a whole.
    Whole,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Initialization(0) => f.write_str("initialization"),
            Self::Initialization(position) => {
                write!(f, "initialization {}", position.saturating_add(1))
            }
            Self::Deviates(0) => f.write_str("commitment to the deviates"),
            Self::Deviates(position) => {
                let number = position.saturating_add(1);
                write!(f, "commitment to the deviates of initialization {number}")
            }
            Self::Version(name) => write!(f, "weights {}", Quoted(name)),
            Self::Answer { number, version } => write!(f, "answer {number} of {}", Quoted(version)),
            Self::Whole => f.write_str("the chain"),
        }
    }
}

/// Why a step of a chain is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{step}: {source}")]
pub struct ChainError {
    /// The step.
    pub step: Step,
    /// What is wrong with it.
    pub source: StepError,
}

/// What is wrong with a step.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum StepError {
    /// The initialization does not hold.
    #[error(transparent)]
    Init(#[from] VerifyError),
    /// A commitment is not valid, or of another SRS.
    #[error(transparent)]
    Commitment(#[from] FormatError<CommitmentError>),
    /// A relayout does not hold.
    #[error("relayout: {0}")]
    Relayout(#[from] RelayoutError),
    /// An inference does not hold.
    #[error(transparent)]
    Inference(#[from] InferenceError),
    /// The file is not valid.
    #[error(transparent)]
    File(#[from] ChainFileError),
    /// A key that names no weight columns.
    #[error("the verifying key names no weights")]
    NoWeights,
    /// No verifying key with the digest that the proof has.
    #[error("no verifying key {} at hand", Hex(digest))]
    MissingKey {
        /// Digest of the key.
        digest: Digest32,
    },
    /// The commitment is not to what stands here.
    #[error("the commitment is to {got}, expected {expected}")]
    Subject {
        /// What belongs here.
        expected: &'static str,
        /// What the commitment has.
        got: &'static str,
    },
    /// The commitment has no part for a tile of the initialization.
    #[error(
        "the commitment has no part for tile {index} of stream {stream} of this plan and beacon value"
    )]
    MissingPart {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// The commitment has parts that are no tiles of the initialization.
    #[error("the commitment has {got} parts, the initialization {expected} tiles")]
    ExtraParts {
        /// Tiles.
        expected: usize,
        /// Parts.
        got: usize,
    },
    /// There is no link where one is needed.
    #[error("no link between {what} and the published commitment")]
    MissingLink {
        /// The proof, or the part of it.
        what: Linked,
    },
    /// The link that this step needs is an earlier step's: the same proof stands in both.
    #[error("the link of {what} belongs to an earlier step: a proof stands twice in the chain")]
    UsedLink {
        /// The proof, or the part of it.
        what: Linked,
    },
    /// A link does not hold.
    #[error("link of {what}: {source}")]
    Link {
        /// The proof, or the part of it.
        what: Linked,
        /// Why.
        source: LinkError,
    },
    /// Links that belong to no step.
    #[error("{got} links, the steps have {expected}")]
    ExtraLinks {
        /// Links of the steps.
        expected: u64,
        /// Links of the file.
        got: u64,
    },
    /// Something is about another thing than the step that it stands beside.
    #[error("{what} is not that of the {of}")]
    Differs {
        /// What differs.
        what: &'static str,
        /// From which step's.
        of: &'static str,
    },
    /// A plan that is there already, or has the model digest of one that is.
    #[error("an earlier initialization has the same plan or the same model digest")]
    Repeated,
    /// A plan that weights are inherited from, and that does not stand before.
    #[error(
        "the plan inherits weights from plan {}, which is no earlier one of the chain",
        Hex(plan)
    )]
    MissingPlan {
        /// Its digest.
        plan: Digest32,
    },
    /// Inherited weights that the earlier plan does not sample.
    #[error("weights inherited from plan {}: {source}", Hex(plan))]
    Inherited {
        /// Digest of the earlier plan.
        plan: Digest32,
        /// What is wrong.
        source: SpecError,
    },
    /// A relayout of a plan that the chain does not have.
    #[error("the relayout's model digest is that of none of the chain's plans")]
    UnknownModel,
    /// Relayouts of a version that are not in the order of the initializations, each once.
    #[error("the relayouts are not in the order of the initializations, one for each")]
    RelayoutOrder,
    /// An initialization that no version's weights come from.
    #[error("no version's weights come from it")]
    Unused,
    /// A relayout of a tile that the initialization does not have.
    #[error("tile {index} of stream {stream} is not part of the initialization")]
    UnknownTile {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
}

/// What is linked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Linked {
    /// A tile's proof.
    Tile {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// A relayout's lanes of a tile.
    Lanes {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
    },
    /// A relayout's weights.
    Weights,
    /// An inference's parameters.
    Parameters,
}

impl fmt::Display for Linked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tile { stream, index } => {
                write!(f, "the proof of tile {index} of stream {stream}")
            }
            Self::Lanes { stream, index } => {
                write!(f, "the relayout's lanes of tile {index} of stream {stream}")
            }
            Self::Weights => f.write_str("the relayout's weights"),
            Self::Parameters => f.write_str("the inference's parameters"),
        }
    }
}

/// Why a chain is not valid as a file. Whether it shows anything is
/// [`super::verify_chain`]'s question.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChainFileError {
    /// The bundle of the initialization.
    #[error("initialization: {0}")]
    Init(#[from] BundleError),
    /// The commitment to the deviates.
    #[error("commitment to the deviates: {0}")]
    Deviates(#[source] CommitmentError),
    /// The file of links.
    #[error("links: {0}")]
    Links(#[from] LinksError),
    /// A chain that begins nowhere.
    #[error("no initialization")]
    NoInitialization,
    /// A chain that ends at the deviates.
    #[error("no version of the weights")]
    NoVersions,
    /// A name that is empty, too long, not printable or another version's.
    #[error("version {version}: its name is empty, too long, not plain text or taken")]
    Name {
        /// Position.
        version: usize,
    },
    /// The commitment of a version.
    #[error("version {version}: commitment: {source}")]
    Commitment {
        /// Position.
        version: usize,
        /// What is wrong.
        source: CommitmentError,
    },
    /// A version that is said to have initial weights, without a proof.
    #[error("version {version}: no relayout")]
    NoRelayout {
        /// Position.
        version: usize,
    },
    /// The relayout of a version.
    #[error("version {version}: relayout: {source}")]
    Relayout {
        /// Position.
        version: usize,
        /// What is wrong.
        source: RelayoutError,
    },
    /// A version that is said to follow from itself, from a later one, or from none.
    #[error("version {version} is declared to follow from a version that does not stand before it")]
    Lineage {
        /// Position.
        version: usize,
    },
    /// A declaration that is empty, too long or not one line of plain text.
    #[error("version {version}: the declaration is empty, too long or not one line of plain text")]
    Words {
        /// Position.
        version: usize,
    },
    /// The file of an answer.
    #[error("answer {answer}: {source}")]
    Answer {
        /// Position.
        answer: usize,
        /// What is wrong.
        source: InferenceError,
    },
    /// An answer of a version that is not there.
    #[error("answer {answer} is of a version that the chain does not have")]
    NoVersion {
        /// Position.
        answer: usize,
    },
    /// Answers that do not stand in the order of their versions.
    #[error("answer {answer} does not stand in the order of the versions")]
    AnswerOrder {
        /// Position.
        answer: usize,
    },
    /// An answer with the proof of one before it.
    #[error("answer {answer} has the proof of an earlier answer: each stands in a chain once")]
    RepeatedAnswer {
        /// Position.
        answer: usize,
    },
    /// An attached file that is too long.
    #[error("an attached file has more than {limit} bytes")]
    Attachment {
        /// Most bytes.
        limit: usize,
    },
}
