//! Criterion benches and figure programs; see `examples/` and `benches/`.
