//! What can go wrong between a plan and a file of weights.

use std::{io, path::PathBuf};

use nascent_circuits::sampling::SamplingError;
use nascent_verifier::{BeaconError, FormatError, SpecError, plan::PlanError};
use thiserror::Error;

/// Why weights cannot be derived or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DeriveError {
    /// The model specification is not valid.
    #[error("model specification: {0}")]
    Model(#[from] FormatError<SpecError>),
    /// The plan is not valid.
    #[error("plan: {0}")]
    Plan(#[from] PlanError),
    /// The beacon value is not valid.
    #[error("beacon: {0}")]
    Beacon(BeaconError),
    /// A stream has a distribution or precision without a sampling table.
    #[error("stream {stream}: {source}")]
    Sampling {
        /// Index of the stream.
        stream: usize,
        /// Why.
        source: SamplingError,
    },
    /// The secret does not belong to the publisher key of the plan.
    #[error("the secret does not belong to the publisher key of the plan")]
    WrongSecret,
    /// The plan has a public seed, and a secret was given.
    #[error("the plan has a public seed: derive without a secret")]
    SecretForPublicSeed,
    /// The tensors have more than 2^64 elements together.
    #[error("the tensors have more than 2^64 elements together")]
    TooManyElements,
    /// A stream index past the end of the list.
    #[error("stream {got}: the model has {count}")]
    NoSuchStream {
        /// Number of streams.
        count: usize,
        /// The index asked for.
        got: usize,
    },
    /// A tensor index past the end of the list.
    #[error("tensor {got}: the model has {count}")]
    NoSuchTensor {
        /// Number of tensors.
        count: usize,
        /// The index asked for.
        got: usize,
    },
    /// A range that is not inside the tensor.
    #[error("{length} elements from {first} on of tensor {tensor}: it has {elements}")]
    OutOfRange {
        /// Index of the tensor.
        tensor: usize,
        /// First element asked for.
        first: u64,
        /// Number of elements asked for.
        length: u64,
        /// Elements of the tensor.
        elements: u64,
    },
    /// A tensor name that the safetensors format reserves.
    #[error("tensor name {0:?} is reserved by the safetensors format")]
    ReservedName(String),
    /// The header of the file would be larger than readers accept.
    #[error("safetensors header of {got} bytes, at most {limit}")]
    HeaderTooLarge {
        /// Most bytes.
        limit: u64,
        /// Bytes needed.
        got: u64,
    },
    /// Writing failed; nothing is left behind.
    #[error("writing {path}: {source}")]
    Write {
        /// The file that was to be written.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A tensor inherited from an earlier plan, whose values were not given.
    #[error("tensor {tensor:?} is inherited from an earlier plan: {source}")]
    Previous {
        /// Name of the tensor.
        tensor: String,
        /// What is wrong with the files of earlier weights.
        source: SafetensorsError,
    },
    /// A sink for weights failed.
    #[error("writing weights: {0}")]
    Sink(#[from] io::Error),
}

/// Why a safetensors file is refused.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SafetensorsError {
    /// Reading failed.
    #[error("reading: {0}")]
    Io(#[from] io::Error),
    /// The file ends before its header does.
    #[error("file of {got} bytes: a header of {expected} bytes does not fit")]
    HeaderTruncated {
        /// Bytes the header claims.
        expected: u64,
        /// Bytes of the file.
        got: u64,
    },
    /// The header is larger than the format allows.
    #[error("header of {got} bytes, at most {limit}")]
    HeaderTooLarge {
        /// Most bytes.
        limit: u64,
        /// Bytes claimed.
        got: u64,
    },
    /// The header is not what the format says.
    #[error("header: {0}")]
    Header(#[from] serde_json::Error),
    /// The data is not as long as the header says.
    #[error("{got} bytes of data, the header says {expected}")]
    DataLength {
        /// Bytes according to the header.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// A tensor's bytes overlap with another's, leave a gap or run backwards.
    #[error("tensor {name:?} starts at byte {got} of the data, expected {expected}")]
    Offsets {
        /// Name of the tensor.
        name: String,
        /// Where the previous tensor ends.
        expected: u64,
        /// Where it starts.
        got: u64,
    },
    /// A tensor that the model has and the file has not.
    #[error("tensor {name:?} is missing")]
    Missing {
        /// Name of the tensor.
        name: String,
    },
    /// A tensor of another type than `F32`.
    #[error("tensor {name:?} has type {got:?}, expected \"F32\"")]
    Dtype {
        /// Name of the tensor.
        name: String,
        /// Type found.
        got: String,
    },
    /// A tensor of another shape.
    #[error("tensor {name:?} has shape {got:?}, expected {expected:?}")]
    Shape {
        /// Name of the tensor.
        name: String,
        /// Shape in the model.
        expected: Vec<u64>,
        /// Shape found.
        got: Vec<u64>,
    },
    /// A tensor with fewer or more bytes than its shape needs.
    #[error("tensor {name:?} has {got} bytes, its shape needs {expected}")]
    TensorLength {
        /// Name of the tensor.
        name: String,
        /// Bytes its shape needs.
        expected: u64,
        /// Bytes found.
        got: u64,
    },
    /// A source that ended inside a tensor.
    #[error("the data ends inside tensor {name:?}, which has {expected} bytes")]
    TensorTruncated {
        /// Name of the tensor.
        name: String,
        /// Bytes it should have.
        expected: u64,
    },
}

/// Why an audit came to no verdict.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum AuditError {
    /// The expected weights cannot be derived.
    #[error(transparent)]
    Derive(#[from] DeriveError),
    /// The given weights cannot be read.
    #[error("given weights: {0}")]
    Given(#[from] SafetensorsError),
}
