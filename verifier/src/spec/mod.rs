//! What the sampling rules of a model are: streams, tensors, and their digest.

mod error;
mod fills;
mod model;
mod spread;
mod stream;
mod tensor;

pub use error::SpecError;
pub use fills::{FillCounts, FillGroup, FillKind};
pub use model::ModelSpec;
pub use spread::{MIN_VALUES, Spread};
pub use stream::{Distribution, Precision, StreamSpec};
pub use tensor::{Fill, KeptTensor, TensorSpec};

/// Stream outputs of one block: the rate lanes of one permutation.
pub const ROWS_PER_BLOCK: u64 = 15;
/// Most streams of one model.
pub const MAX_STREAMS: usize = 64;
/// Most tensors of one model.
pub const MAX_TENSORS: usize = 1 << 16;
/// Most bytes of a name.
pub const MAX_NAME: usize = 1024;
/// Most dimensions of a tensor.
pub const MAX_RANK: usize = 16;
/// Most elements of a tensor, and most rows of a stream.
pub const MAX_ELEMENTS: u64 = 1 << 48;
