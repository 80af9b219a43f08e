//! Models as integers: their circuits, and whether an integer graph is a model.

mod circuit;
mod structure;

pub use circuit::{Derived, ModelError, allow_key, check_public, lay_out, verifying_key};
pub(crate) use circuit::{derive_key, hidden_of};
pub use structure::{ModelFile, Structure, StructureError, max_elements, of_architecture};
