//! Integration tests across the crates.
