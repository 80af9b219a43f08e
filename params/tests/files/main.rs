//! Files from outside and the cache: one binary, since the modules share their writers.

mod cache;
mod halo2_raw;
mod mutations;
mod ptau;
mod snarkjs;
mod support;
