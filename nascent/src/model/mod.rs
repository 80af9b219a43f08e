//! Models as integers: quantized, run, laid out as circuits; and whether an integer graph is a model.

mod circuit;
mod compile;
mod file;
mod quantized;
mod structure;

pub use circuit::{Derived, ModelError, allow_key, check_public, lay_out, verifying_key};
pub(crate) use circuit::{derive_key, hidden_of};
pub use compile::{
    Compiled, FolderFile, Prediction, QuantizeError, all_weights, compile, fill, predict,
};
pub use file::ModelFile;
pub use nascent_circuits::inference::Hidden;
pub use nascent_compiler::infer::{Calibration, Options, Planned, Port, Profile, Samples, samples};
pub use quantized::{
    GRAPH, Inputs, ORIGINS, PARAMS, PORTS, PROFILE, Quantized, QuantizedError, origins_file,
    origins_files, read_graph, read_origins, read_ports,
};
pub use structure::{Structure, StructureError, max_elements, of_architecture};
