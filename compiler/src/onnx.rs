//! ONNX files: reading one into a [`Graph`](crate::graph::Graph), and writing
//! one back with its initializers filled in.
//!
//! Only the protobuf layer is used, so a file that no runtime would accept is
//! an error here and never a panic of somebody's type inference.

mod decode;
mod external;
mod splice;
mod tensor;
pub(crate) use tensor::elements;
pub(crate) mod wire;
mod write;

pub use decode::read_onnx;
pub(crate) use decode::read_onnx_in;
pub use write::{WeightSource, Written, write_onnx, write_onnx_to};
