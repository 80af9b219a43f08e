//! What stops a job.

use std::io;
use std::path::PathBuf;

use nascent_circuits::sampling::SamplingError;
use nascent_params::ParamsError;
use nascent_verifier::{Digest32, VerifyError};
use thiserror::Error;

use super::linker::TileLinkError;
use crate::error::{Hex, KeyError, ProveError, SubjectError};
use crate::estimate::ChoiceError;

/// Why a job did not come to its end. Finished tiles are kept in every case.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum JobError {
    /// Plan, beacon value and secret do not belong together.
    #[error(transparent)]
    Subject(#[from] SubjectError),
    /// No size of tiles will do.
    #[error(transparent)]
    Choice(#[from] ChoiceError),
    /// Another process works in the directory.
    #[error("another run works in {path}: wait for its end, or name another directory")]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The directory was begun for something else.
    #[error(
        "{path} was begun for another {what} ({}, this is {}): name another directory",
        Hex(got),
        Hex(expected)
    )]
    ForeignDirectory {
        /// The directory.
        path: PathBuf,
        /// What differs: plan, beacon value or SRS.
        what: &'static str,
        /// Digest of this job's.
        expected: Digest32,
        /// Digest in the directory.
        got: Digest32,
    },
    /// The file system failed.
    #[error("{path}: {source}")]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The SRS cannot be had.
    #[error("SRS of size 2^{k}: {source}")]
    Srs {
        /// Size needed.
        k: u32,
        /// Why.
        source: ParamsError,
    },
    /// There is no SRS.
    #[error("SRS: {0}")]
    VerifierSrs(#[source] ParamsError),
    /// The source gave another SRS than it said.
    #[error("SRS {} where the source said {}", Hex(got), Hex(expected))]
    SrsIdentity {
        /// Identity of the source.
        expected: Digest32,
        /// Identity of what it gave.
        got: Digest32,
    },
    /// The keys cannot be had.
    #[error("keys of stream {stream}: {source}")]
    Keys {
        /// Index of the stream.
        stream: u16,
        /// Why.
        source: KeyError,
    },
    /// The weights of a stream cannot be hashed.
    #[error("weight digest of stream {stream}: {source}")]
    Sampling {
        /// Index of the stream.
        stream: u16,
        /// Why.
        source: SamplingError,
    },
    /// A tile cannot be proved.
    #[error(transparent)]
    Prove(#[from] ProveError),
    /// The weights of a tile are not committed, or its proof is not linked.
    #[error("commitment to tile {index} of stream {stream}: {source}")]
    Link {
        /// Index of the stream.
        stream: u16,
        /// Index of the tile.
        index: u64,
        /// Why.
        source: TileLinkError,
    },
    /// The caller asked to stop.
    #[error("stopped: {done} of {total} tiles are finished; run again to go on")]
    Cancelled {
        /// Tiles finished.
        done: u64,
        /// Tiles in all.
        total: u64,
    },
    /// The finished bundle does not verify, though each of its tiles did.
    #[error("the bundle does not verify: {0}")]
    Verify(#[from] VerifyError),
}
