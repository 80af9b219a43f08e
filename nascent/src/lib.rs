//! Nascent as a library.
#![forbid(unsafe_code)]

pub mod answer;
pub mod chain;
pub mod commitment;
pub mod error;
pub mod evidence;
pub mod fills;
pub mod initialization;
pub mod keys;
pub mod model;
pub mod plan;
pub mod relayout;
pub mod setting;
pub mod srs;
pub mod verdict;
pub mod words;

pub use error::{Failure, Kind};
pub use setting::{Observer, Pool, Setting};
