//! The integer intermediate representation of models, and its evaluator.
//!
//! A [`Graph`] is an architecture in which every tensor holds integers of known range. The compiler
//! makes one from a model file; the inference circuit lays it out; both see only these types. There
//! is no field element and no float here: `real = scale * integer`, and scales live in [`Params`]
//! for reports.

mod bounded;
mod build;
mod check;
mod context;
mod encoding;
pub mod error;
mod eval;
pub mod graph;
mod id;
mod infer;
mod interval;
pub mod limits;
mod memory;
pub mod op;
mod ops;
pub mod origins;
pub mod params;
pub mod range;
mod shape;
pub mod table;
mod values;
pub mod views;

pub use build::Builder;
pub use check::Cost;
pub use error::{EvalError, Fault, GraphError, NodeRef, OriginsError, ParamsError};
pub use eval::{eval, eval_within};
pub use graph::{CheckedGraph, Graph, Node, TensorInfo};
pub use id::{TableId, TensorId};
pub use op::{Conv, Divide, Embed, Map, MatMul, Multiplier, Op, Pre, View};
pub use origins::{Coverage, List, Origin, Origins, PublicParam, coverage};
pub use params::{Params, Scale};
pub use range::{Range, WIDE_BITS};
pub use table::Table;
pub use values::{Slice, Values};
pub use views::{IndexMap, Source};
