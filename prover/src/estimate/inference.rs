//! What an inference takes, from its circuit's columns.

use nascent_circuits::inference::{InferenceConfig, Shape};

use halo2_proofs::plonk::ConstraintSystem;

use super::CostModel;
use crate::plonk::coset_columns;

/// Counts of an inference circuit, taken from its constraint system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InferenceCost {
    /// The circuit has `2^k` rows.
    pub k: u32,
    /// Advice columns of small values: the first phase.
    pub small_columns: usize,
    /// Advice columns of field elements.
    pub full_columns: usize,
    /// Fixed columns.
    pub fixed_columns: usize,
    /// Columns that are on a coset at a time.
    pub coset_columns: usize,
    /// Openings: queries of advice and fixed columns.
    pub queries: usize,
    /// Bytes of a proof.
    pub proof_bytes: u64,
}

/// Bytes of a field element.
const FIELD: u64 = 32;
/// Bytes of an integer of the witness and of the architecture.
const INTEGER: u64 = 8;
/// Columns of field elements that a proof holds beside the circuit's: the quotient's pieces, the
/// random polynomial, what is opened.
const OWN_COLUMNS: u64 = 8;

impl InferenceCost {
    /// Counts the columns of a shape.
    pub fn new(shape: &Shape) -> Self {
        let mut meta = ConstraintSystem::default();
        InferenceConfig::configure(&mut meta, shape);
        let phases = meta.advice_column_phase();
        let small_columns = phases.iter().filter(|&&phase| phase == 0).count();
        let queries = meta.advice_queries().len() + meta.fixed_queries().len();
        // The random polynomial, the quotient's pieces, and the two points of the opening.
        let points = phases.len() + 1 + (meta.degree() - 1) + 2;
        // One more evaluation: of the random polynomial.
        let words = points + queries + 1;
        Self {
            k: shape.k,
            small_columns,
            full_columns: phases.len() - small_columns,
            fixed_columns: meta.num_fixed_columns(),
            coset_columns: coset_columns(&meta, shape.k),
            queries,
            proof_bytes: FIELD * words as u64,
        }
    }

    /// Rows of the circuit.
    pub fn rows(&self) -> u64 {
        1 << self.k
    }
}

impl CostModel {
    /// Processor time of the proof of an inference, in seconds.
    pub fn inference_cpu(&self, cost: &InferenceCost) -> f64 {
        let columns = [cost.full_columns, cost.small_columns, cost.fixed_columns];
        self.circuit_cpu(cost.rows(), columns, cost.queries)
    }

    /// Processor time of the keys of an architecture, in seconds.
    pub fn inference_keys_cpu(&self, cost: &InferenceCost) -> f64 {
        self.circuit_keys_cpu(cost.rows(), cost.fixed_columns)
    }

    /// Most memory held while a verifying key of `2^k` rows is derived, in bytes: the SRS, the fixed
    /// columns as integers, and one of field elements for each thread.
    pub fn derivation_memory(&self, k: u32, fixed_columns: u64, threads: u64) -> u64 {
        let columns = INTEGER * fixed_columns + FIELD * threads;
        let row = columns.saturating_add(self.srs_row as u64);
        self.base + row.saturating_mul(1 << k.min(32))
    }

    /// Most memory held while keys are made and an inference is proved, in bytes.
    pub fn inference_memory(&self, cost: &InferenceCost) -> u64 {
        let advice = (cost.small_columns + cost.full_columns) as u64;
        let fixed = cost.fixed_columns as u64;
        let columns = FIELD * (advice + fixed + cost.coset_columns as u64 + OWN_COLUMNS);
        let integers = INTEGER * (fixed + cost.small_columns as u64);
        self.base + cost.rows() * (self.srs_row as u64 + columns + integers)
    }
}
