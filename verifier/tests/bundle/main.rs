//! Bundles that the prover wrote, and damaged ones, read by the verifier alone.

mod bounds;
mod fixture;
mod mutations;
