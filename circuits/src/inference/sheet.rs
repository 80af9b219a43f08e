//! Everything of a circuit that is known before the first challenge, as integers.

use std::sync::Arc;

use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Fixed};
use halo2curves::bn256::Fr;

/// Fixed columns, first-phase advice columns and the instance.
///
/// All values are below `2^63` in magnitude; advice cells are not negative (offsets see to that),
/// because a small negative number is a full-size scalar.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// Shared by all witnesses of an architecture.
    fixed: Vec<Arc<Vec<i64>>>,
    advice: Vec<Vec<i64>>,
    instance: Vec<i64>,
    rows: usize,
}

impl Sheet {
    /// An empty sheet: zeros in the fixed columns, no advice columns yet ([`Self::open`]).
    pub fn new(meta: &ConstraintSystem<Fr>, rows: usize) -> Self {
        Self {
            fixed: (0..meta.num_fixed_columns())
                .map(|_| Arc::new(vec![0; rows]))
                .collect(),
            advice: Vec::new(),
            instance: Vec::new(),
            rows,
        }
    }

    /// Opens the first so many advice columns, of zeros, and empties the instance.
    pub fn open(&mut self, columns: usize) {
        // Each by itself: pages of zeros take no memory before they are written.
        self.advice = (0..columns).map(|_| vec![0; self.rows]).collect();
        self.instance.clear();
    }

    /// Values of a fixed column.
    pub fn fixed(&self, column: Column<Fixed>) -> &[i64] {
        &self.fixed[column.index()]
    }

    /// Values of a fixed column, to be filled.
    pub fn fixed_mut(&mut self, column: Column<Fixed>) -> &mut [i64] {
        Arc::make_mut(&mut self.fixed[column.index()]).as_mut_slice()
    }

    /// Values of a first-phase column.
    pub fn advice(&self, column: Column<Advice>) -> &[i64] {
        &self.advice[column.index()]
    }

    /// Values of a first-phase column, to be filled.
    pub fn advice_mut(&mut self, column: Column<Advice>) -> &mut [i64] {
        &mut self.advice[column.index()]
    }

    /// Value of the instance column; zero beyond its end.
    pub fn instance(&self, row: usize) -> i64 {
        self.instance.get(row).copied().unwrap_or(0)
    }

    /// Sets the instance column.
    pub fn set_instance(&mut self, values: Vec<i64>) {
        self.instance = values;
    }

    /// All values of the instance column.
    pub fn instances(&self) -> &[i64] {
        &self.instance
    }

    /// All fixed columns by index.
    pub fn fixed_columns(&self) -> &[Arc<Vec<i64>>] {
        &self.fixed
    }

    /// All first-phase columns by index.
    pub fn advice_columns(&self) -> &[Vec<i64>] {
        &self.advice
    }
}
