//! Poseidon2 over the BN254 scalar field, width 16.
//!
//! Grassi, Khovratovich, Schofnegger: *Poseidon2: A Faster Version of the Poseidon Hash
//! Function* (ePrint 2023/323). The instance has `t = 16`, S-box `x^5`, 8 full and 57 partial
//! rounds (128-bit security with the paper's margin) and parameters drawn from the Grain LFSR
//! as in the authors' generation script.
//!
//! A permutation is
//!
//! ```text
//! M_E, then 4 x (add rc to all lanes, S-box on all lanes, M_E)
//!      then 57 x (add rc to lane 0, S-box on lane 0, M_I)
//!      then 4 x (add rc to all lanes, S-box on all lanes, M_E)
//! ```
//!
//! with `M_E = circ(2 M_4, M_4, M_4, M_4)` and `M_I = J + diag(d)`, `J` the all-ones matrix.
//!
//! As a sponge, lane 0 is the capacity and carries a domain tag; lanes 1 to 15 are the rate.

mod chip;
mod grain;
mod native;
mod params;

pub use chip::{BLOCK_ROWS, BlockTrace, FREE_ROW, GROUP, Poseidon2Config};
pub use native::{hash, permute};
pub use params::{FULL_ROUNDS, HALF_FULL_ROUNDS, PARTIAL_ROUNDS, Params, RATE, WIDTH, params};
