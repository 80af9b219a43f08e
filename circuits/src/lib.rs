//! Chips and circuits over the halo2 front end.
//!
//! - [`digest`]: the hash chain over a stream's weights, natively;
//! - [`poseidon2`]: the permutation, its parameters and its chip;
//! - [`relayout`]: the deviates of tiles are the weights of an inference;
//! - [`rules`]: what the checkers of fixed columns find;
//! - [`sampling`]: deviates of a limb, and the exact distribution they have;
//! - [`seal`]: the digest of values that stay hidden;
//! - [`seed`]: from a publisher's secret and a beacon to the stream key;
//! - [`stream`]: many blocks of a stream at once, fast.

pub mod canonical;
pub mod digest;
pub mod grid;
pub mod inference;
pub mod logup;
pub mod poseidon2;
pub mod relayout;
pub mod rules;
pub mod sampling;
pub mod seal;
pub mod seed;
pub mod stream;
pub mod tile;
pub mod transport;
