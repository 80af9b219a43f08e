//! Inference front end: from an ONNX file with weights to a quantized integer graph.

mod build;
mod error;
mod flow;
pub mod ops;
mod options;
mod tensor;

pub use error::{InferError, Result};
pub use options::{Calibration, Options};
pub use tensor::{Tensor, Values};
