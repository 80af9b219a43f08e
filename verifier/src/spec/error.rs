//! What can be wrong with a model's specification.

/// Why a model specification is not valid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SpecError {
    /// A name with characters that do not show themselves.
    #[error("a name with control characters, marks of direction or characters that take no place")]
    NotPlain,
    /// Limb width out of range.
    #[error("limbs of {got} bits, expected 1 to 20")]
    LimbBits {
        /// Width found.
        got: u8,
    },
    /// Fraction bits out of range.
    #[error("{got} fraction bits, expected at most 24")]
    FractionBits {
        /// Number found.
        got: u8,
    },
    /// A truncated distribution without an inside.
    #[error("truncation bounds {lo} and {hi} leave nothing between them")]
    EmptyTruncation {
        /// Lower bound.
        lo: i32,
        /// Upper bound.
        hi: i32,
    },
    /// A stream without rows, or with too many.
    #[error("stream {stream} has {got} rows, expected 1 to 2^48")]
    StreamRows {
        /// Index of the stream.
        stream: usize,
        /// Rows found.
        got: u64,
    },
    /// Two streams with the same distribution and precision.
    #[error("stream {stream} repeats an earlier one")]
    DuplicateStream {
        /// Index of the second one.
        stream: usize,
    },
    /// Two tensors with the same name.
    #[error("tensor {tensor} repeats the name of an earlier one")]
    DuplicateTensor {
        /// Index of the second one.
        tensor: usize,
    },
    /// An empty or long name.
    #[error("name of {got} bytes, expected 1 to {limit}")]
    Name {
        /// Most bytes.
        limit: usize,
        /// Bytes found.
        got: usize,
    },
    /// A list past its bound.
    #[error("{got} {what}, at most {limit}")]
    TooMany {
        /// Of what.
        what: &'static str,
        /// Bound.
        limit: usize,
        /// Number found.
        got: usize,
    },
    /// More elements than supported.
    #[error("tensor {tensor} has more than 2^48 elements")]
    TensorTooLarge {
        /// Index of the tensor.
        tensor: usize,
    },
    /// A sampled tensor without elements.
    #[error("tensor {tensor} is sampled but has no elements")]
    EmptySample {
        /// Index of the tensor.
        tensor: usize,
    },
    /// A scale that is not a positive normal number.
    #[error("tensor {tensor} has a scale that is not a positive normal f32 (bits {got:#010x})")]
    Scale {
        /// Index of the tensor.
        tensor: usize,
        /// Bits found.
        got: u32,
    },
    /// A mean that is not finite, or is negative zero.
    #[error("tensor {tensor} has a mean that is not finite or is -0 (bits {got:#010x})")]
    Mean {
        /// Index of the tensor.
        tensor: usize,
        /// Bits found.
        got: u32,
    },
    /// A sampled tensor with values that are infinite.
    #[error("tensor {tensor} has values beyond the largest f32")]
    Overflow {
        /// Index of the tensor.
        tensor: usize,
    },
    /// A sampled tensor of which nothing random is left in `f32`.
    #[error(
        "tensor {tensor} is sampled, but has at most {got} values of f32 where {expected} are needed: \
         its spread is lost beside its mean, so it is a constant"
    )]
    NoSpread {
        /// Index of the tensor.
        tensor: usize,
        /// Fewest values.
        expected: u64,
        /// Values at most.
        got: u64,
    },
    /// Kept tensors that are not sorted.
    #[error("kept tensor {tensor} does not stand in the order of names, shapes and kinds")]
    KeptOrder {
        /// Index of the tensor.
        tensor: usize,
    },
    /// A kept tensor with more elements than supported, or none.
    #[error("kept tensor {tensor} has no elements, or more than 2^48")]
    KeptSize {
        /// Index of the tensor.
        tensor: usize,
    },
    /// A stream index past the list.
    #[error("tensor {tensor} samples stream {stream}, which does not exist")]
    NoSuchStream {
        /// Index of the tensor.
        tensor: usize,
        /// Index of the stream.
        stream: usize,
    },
    /// Streams not numbered by first use.
    #[error("tensor {tensor} uses stream {stream} before a lower-numbered one was used")]
    StreamOrder {
        /// Index of the tensor.
        tensor: usize,
        /// Index of the stream.
        stream: usize,
    },
    /// A range that does not follow the one before.
    #[error("tensor {tensor} starts at row {got}, expected {expected}")]
    FirstRow {
        /// Index of the tensor.
        tensor: usize,
        /// Next free row of the stream.
        expected: u64,
        /// Row found.
        got: u64,
    },
    /// A tensor that the earlier plan does not have, has in another shape, or does not sample.
    #[error("tensor {tensor} is not one that the earlier plan samples in this shape")]
    NotInherited {
        /// Index of the tensor.
        tensor: usize,
    },
    /// Tensors use fewer or more rows than the stream has.
    #[error("stream {stream} has {expected} rows, its tensors use {got}")]
    RowsNotCovered {
        /// Index of the stream.
        stream: usize,
        /// Rows of the stream.
        expected: u64,
        /// Rows used.
        got: u64,
    },
}
