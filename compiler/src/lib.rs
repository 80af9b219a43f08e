//! From an ONNX file or a TOML description to a model specification.
//!
//! ```
//! use nascent_compiler::{Architecture, Description, Limits, Rules};
//!
//! let text = r#"
//!     version = 1
//!     name = "tiny"
//!     [[layer]]
//!     name = "fc"
//!     kind = "linear"
//!     in = 784
//!     out = 10
//! "#;
//! let limits = Limits::default();
//! let architecture = Architecture::Description(Description::parse(text, &limits)?);
//! let model = architecture.compile("tiny", &Rules::default(), &limits)?;
//! assert_eq!(model.spec.sampled_elements(), 7840);
//! assert_eq!(model.spec.constant_elements(), 10);
//! # Ok::<(), nascent_compiler::CompileError>(())
//! ```
//!
//! The way through the crate: [`Architecture::open`] reads a file into a
//! [`graph::Graph`]; [`roles::assign`] finds the weights; [`Rules::decide`]
//! gives each its fill; [`Architecture::compile`] lays the fills out in streams
//! of deviates; [`write_onnx`] puts the values that were sampled into the model.
//! Of the ONNX library only the protobuf types are used, and no file can make
//! the crate panic.

mod canon;
pub mod description;
mod digest;
mod error;
pub mod graph;
pub mod infer;
pub mod init;
mod limits;
mod model;
mod onnx;
pub mod roles;
pub mod rules;
mod untouched;

pub use description::Description;
pub use error::{CompileError, NodeRef, Result};
pub use limits::Limits;
pub use model::{Architecture, Earlier, Model, TensorReport};
pub use onnx::{WeightSource, Written, read_onnx, write_onnx, write_onnx_to};
pub use rules::{Preset, Rules};
pub use untouched::Untouched;
