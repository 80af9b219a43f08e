//! How long-running work reports where it is. The library itself prints nothing.

/// A stage of work, reported to [`Progress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Hashing a source file, counted in bytes.
    HashFile,
    /// Reading the powers of tau, counted in points.
    ReadPowers,
    /// Reading the Lagrange basis, counted in points.
    ReadLagrange,
    /// Generating development powers, counted in points.
    GeneratePowers,
    /// Generating the development Lagrange basis, counted in points.
    GenerateLagrange,
    /// Computing the Lagrange basis from the powers, counted in butterflies. Slow: about 35
    /// microseconds of processor time each, half of `k 2^k` of them.
    TransformLagrange,
    /// Checking that every point is on the curve, counted in points.
    CheckPoints,
    /// Checking that the powers are powers of one tau, counted in multi-exponentiations.
    CheckPowers,
    /// Checking the Lagrange basis against the powers, counted in multi-exponentiations.
    CheckLagrange,
    /// Reading a cache file, counted in points.
    ReadCache,
    /// Writing a cache file, counted in points.
    WriteCache,
}

/// Receives reports of progress. Any `Fn(Step, u64, u64) + Sync` is one.
///
/// Calls come from several threads; within a step `done` may arrive slightly out of order, and the
/// last call of a finished step has `done == total`.
pub trait Progress: Sync {
    /// `done` of `total` units of `step` are finished.
    fn report(&self, step: Step, done: u64, total: u64);
}

impl<F: Fn(Step, u64, u64) + Sync> Progress for F {
    fn report(&self, step: Step, done: u64, total: u64) {
        self(step, done, total);
    }
}

/// Ignores every report.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Progress for Silent {
    fn report(&self, _: Step, _: u64, _: u64) {}
}
