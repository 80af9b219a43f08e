//! Commitments to weights: made and opened by their publisher, and what proofs are linked to.

mod committed;
mod published;

pub use committed::{
    CommitError, Committed, Made, MadeReport, ParameterColumns, Previous, Secrets, open,
};
pub use nascent_prover::link::Opening;
pub use published::{CommitmentError, Published, TilesOf};
