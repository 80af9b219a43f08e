//! The chain file: from a plan and its beacon to answers, in one file.
//!
//! ```text
//! plan, beacon ── tiles ──┬── deviates ──┬── relayout ──┬── weights ── answers
//!                        link           link           link          link
//! ```
//!
//! *Deviates* and *weights* are published commitments. Each proof carries its own commitments, with
//! fresh blinding; a link shows that they hold what the published ones hold. So one commitment
//! stands between each two steps, and [`verify_chain`] follows the weights from the first to the
//! last. A plan may inherit weights from earlier ones; then there are several of them, each with
//! its tiles and its commitment, and a relayout for each. A version of the weights that came from
//! training is *declared*: nothing here proves training, and the report says so.

mod error;
mod file;
mod report;
mod verify;

pub use error::{ChainError, ChainFileError, Linked, Step, StepError};
pub use file::{Answer, Attached, Attachments, Chain, Initialization, Origin, Version};
pub use report::{
    AnswerReport, ChainReport, InitializationReport, OriginReport, RelayoutSummary, VersionReport,
};
pub use verify::verify_chain;
