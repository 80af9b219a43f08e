//! Native derivation: from a seed to weights, bit for bit what the circuit proves.
//!
//! ```text
//! (sk, b, A) -> kappa -> blocks of a stream -> limbs -> lane values -> deviates -> weights
//! ```
//!
//! - [`Deriver`] does all of it for any range of any tensor, on all cores;
//! - [`write_safetensors`] writes a whole model without ever holding it in memory;
//! - [`audit`] compares given weights with derived ones;
//! - [`Deriver::weight_digests`] hashes them as the circuit does.
//!
//! Element `e` of a tensor is at row `first_row + e / L`, lane `e % L` of its stream. A weight is
//! `scale * z` in `f32` (`z` is exact, so one rounding); with a nonzero mean the mean is then
//! added in `f32` (a second rounding). No result depends on the number of threads.

mod audit;
mod deriver;
mod digest;
mod error;
mod format;
mod pieces;
mod previous;
mod write;

pub use audit::{AuditReport, Mismatch, TensorAudit, audit};
pub use deriver::Deriver;
pub use error::{AuditError, DeriveError, SafetensorsError};
pub use format::{SafetensorsFile, WeightSource};
pub use write::{
    MODEL_KEY, Metadata, PLAN_KEY, STAMP, WEIGHTS_KEY, write_safetensors, write_safetensors_to,
};

/// Called with the elements done and the elements in all, from time to time.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Sync);
