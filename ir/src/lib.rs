//! The integer intermediate representation of models, and its evaluator.
//!
//! A [`Graph`] is an architecture in which every tensor holds integers of known range. The compiler
//! makes one from a model file; the inference circuit lays it out; both see only these types. There
//! is no field element and no float here: `real = scale * integer`, and scales live in [`Params`]
//! for reports.

pub mod error;
pub mod graph;
pub mod op;
pub mod params;
pub mod range;
pub mod table;

pub use error::{EvalError, Fault, GraphError, NodeRef, ParamsError};
pub use graph::{CheckedGraph, Graph, Node, TensorId, TensorInfo};
pub use op::{Conv, Divide, Embed, Map, MatMul, Multiplier, Op, Pre, TableId, View};
pub use params::{Params, Scale};
pub use range::{NARROW_BITS, Range, WIDE_BITS};
pub use table::Table;
