//! From limbs of a stream to deviates: the tables, and what distribution they really have.
//!
//! - [`DeviateTable`]: lane value and deviate of every limb, for a distribution and precision;
//! - [`DistributionReport`]: support, moments and distance from the ideal, computed exactly;
//! - [`Quantiles`]: the rounded quantiles behind the normal tables, with their error margin.
//!
//! Everything is integer arithmetic (`fixed`, `gauss`), so the tables are the same on every
//! machine; `fixtures/deviates.py` recomputes them with an independent library.

mod error;
mod fixed;
mod gauss;
mod probit;
mod report;
mod table;

pub use error::SamplingError;
pub use probit::Quantiles;
pub use report::{DistributionReport, Moments, row_distance};
pub use table::{DeviateTable, LaneMap};
