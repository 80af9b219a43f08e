//! The inference circuit: a quantized network's output on an input, for committed parameters.
//!
//! Follow a value: an input enters from the instance column ([`config`]) onto the bus
//! ([`fraction`]); a [unit](mod@unit) takes it, rounds it and looks its result up in a function table
//! ([`tables`]); contractions ([`contraction`]) prove products of matrices by claims ([`claim`])
//! about the lanes they stand in; a [`selection`] is a product that takes rows by their indices; a
//! [`fold`] takes the maximum or the sum of a window.
//!
//! Inputs and outputs that stay hidden are behind a digest ([`seal`]).
//!
//! The model is in the fixed columns: which address is read where, which table a row uses, which
//! rows are a matrix. The gates depend on the [`shape::Shape`] alone.

pub mod check;
pub mod circuit;
pub mod claim;
pub mod config;
pub mod contraction;
pub mod execute;
pub mod fold;
pub mod fraction;
pub mod linear;
pub mod param;
pub mod plan;
pub mod seal;
pub mod selection;
pub mod shape;
pub mod sheet;
pub mod tables;
pub mod unit;

pub use check::CheckError;
pub use circuit::InferenceCircuit;
pub use config::InferenceConfig;
pub use execute::ExecuteError;
pub use plan::{Hidden, PlanError, plan};
pub use seal::Salts;
pub use shape::Shape;
