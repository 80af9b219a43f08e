//! Criterion benches and figure scripts.
