//! The initialization circuit: one *tile* of a stream of deviates.
//!
//! Public: the publisher's key `pk`, the beacon digest `b`, the model digest `A` and the index of
//! the first block. Secret: `sk` and the deviates. The statement: the committed weight lanes hold
//! exactly the deviates that blocks `first..first + blocks` of the stream give under the key
//! derived from `sk`, `b` and `A`.
//!
//! Every 15 rows are one permutation ([`crate::poseidon2`]). The first three blocks hash
//! `sk -> pk`, `(sk, b) -> y` and `(y, b, A) -> kappa`; each further block `i` permutes
//! `(tag; kappa, i)` and its 15 outputs, one a row ([`crate::transport`]), are cut into `L` limbs
//! ([`crate::canonical`]) that a lookup ([`crate::logup`]) turns into lane values.
//!
//! | columns | number (`B = 16`, normal) | content |
//! |---|---|---|
//! | lanes | 15 | lane values: the weights; committed first |
//! | limbs | 15 (0 for the uniform: the lanes are the limbs) | `u` |
//! | top, differs, below | 3 | canonical split |
//! | multiplicities | 2 a table set | of the sampling table and of the range table |
//! | A, B | 32 | the permutation |
//! | second phase | 6 + 1 + 1 + 1 | helpers, table helper, running sum, transport |
//!
//! With the weight digest ([`TileParams::weight_digest`]) there are 32 more columns, A' and B', for a
//! second permutation that hashes the weights ([`DigestConfig`]), and three more public values.
//!
//! One set of keys serves every model of a given (`k`, distribution, precision), with the
//! weight digest or without.

mod circuit;
mod config;
mod digest;
mod params;
mod witness;

pub use circuit::{TileCircuit, TileWitness};
pub use config::TileConfig;
pub use digest::{CHAIN_ROW, DigestConfig, LIVE_ROW, OUTPUT_ROW, TileChain};
pub use params::{HEADER_BLOCKS, ShapeError, TileParams, WEIGHT_LANES_START};
