//! Initializations: that weights come from a plan and its beacon's value; proofs of it, and their
//! verification.

mod prove;
mod verify;

pub use nascent_prover::estimate::Estimate;
pub use nascent_prover::job::{
    Event, Finished, JobError, MemoryLimit, Options, Standing, TileSize,
};
pub use prove::{EstimateReport, Job, Made, Prover, StreamEstimate};
pub use verify::*;
