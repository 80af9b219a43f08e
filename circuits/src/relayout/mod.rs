//! The relayout circuit: the same weights in two layouts.
//!
//! Initialization proves deviates in the lanes of [tiles](crate::tile), in the order of their stream;
//! inference proves with the same integers in its own [weight columns](crate::inference::param),
//! in the order of its matrices. This circuit holds both kinds of columns, as they stand in those
//! proofs, and shows that they agree element by element:
//!
//! ```text
//! sum over tiles   of uses / (alpha + address + beta z)
//!   = sum over weights of    1 / (alpha + address + beta w)
//!   + sum over the rest of count / (alpha + address + beta z)
//! ```
//!
//! Biases, multipliers and other parameters that the list of origins gives are public: fixed columns
//! have them, and each cell is held against its own, whether it stands in a column of weights or of
//! vectors.
//!
//! An address is a deviate's place in the streams of the model. Fixed columns give the address of
//! each cell and how often it counts; [`check`] shows that each address has one deviate, and is
//! counted on the right as often as on the left. All lanes of a row of a tile count alike: the
//! *rest* takes up the deviates that no weight is, at the end of a tensor's last row.
//!
//! Cells are field elements here. Their ranges are shown by the proofs that the columns are linked
//! to, as is everything else about them. The book's page "Relayout" has the whole argument.

pub mod check;
mod circuit;
mod config;
pub mod plan;

pub use check::CheckError;
pub use circuit::{RelayoutCircuit, SharedColumns, WitnessError};
pub use config::{
    KnownWeights, RelayoutConfig, RestLane, Shape, TileColumns, TileLanes, VectorLane,
    WeightColumns,
};
pub use plan::{Layout, PlanError, plan, plan_within};
