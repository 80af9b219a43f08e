//! Seconds and bytes of a tile.

use super::shape::TileCost;

/// Constants of proving on one machine with one backend.
///
/// All are processor time per cell or bytes per cell; they are measured by
/// `cargo run --release -p nascent-prover --example tile_cost -- 12 14 16 18`.
#[derive(Clone, Debug, PartialEq)]
pub struct CostModel {
    /// Where and when the constants were measured.
    pub machine: &'static str,
    /// Cell of an advice column of field elements, in nanoseconds: commitment, transforms,
    /// constraints.
    pub full_cell: f64,
    /// Cell of an advice column of small values, in nanoseconds.
    pub small_cell: f64,
    /// Opening of a column at a point, per row, in nanoseconds; the commitments to the quotient
    /// are reckoned in here.
    pub opened_cell: f64,
    /// Cell of a fixed column in a proof, in nanoseconds: transforms.
    pub fixed_cell: f64,
    /// Cell of a fixed column in key generation, in nanoseconds.
    pub key_cell: f64,
    /// What a proof costs whatever its size, in seconds.
    pub proof: f64,
    /// Part of the processor time of a proof that only one thread works on.
    pub serial: f64,
    /// Copies of the advice columns held at the peak of a proof.
    pub copies: f64,
    /// Bytes held per row of the SRS, both bases, with what is computed on loading it.
    pub srs_row: f64,
    /// Bytes held by the program itself.
    pub base: u64,
    /// Multiplies all times: what a machine was found to take of the reference's time.
    pub factor: f64,
}

/// Bytes of a field element.
const FIELD: f64 = 32.0;

impl CostModel {
    /// The reference machine with the backend of this version.
    pub const REFERENCE: Self = Self {
        machine: "AMD EPYC (Zen 4), 2 cores shared with other work, 2026-11-21",
        full_cell: 1_900.0,
        small_cell: 665.0,
        opened_cell: 150.0,
        fixed_cell: 250.0,
        key_cell: 250.0,
        proof: 0.25,
        serial: 0.2,
        copies: 2.4,
        srs_row: 400.0,
        base: 60 << 20,
        factor: 1.0,
    };

    /// The same machine model with all times multiplied.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        Self {
            factor: self.factor * factor,
            ..self.clone()
        }
    }

    /// Processor time of one proof, in seconds.
    pub fn proof_cpu(&self, tile: &TileCost) -> f64 {
        let TileCost {
            full_columns,
            small_columns,
            fixed_columns,
            queries,
            ..
        } = *tile;
        let columns = [full_columns, small_columns, fixed_columns];
        self.circuit_cpu(tile.rows(), columns, queries)
    }

    /// Processor time of generating keys, in seconds.
    pub fn keys_cpu(&self, tile: &TileCost) -> f64 {
        self.circuit_keys_cpu(tile.rows(), tile.fixed_columns)
    }

    /// Processor time of the proof of a circuit with so many full-size, small and fixed columns.
    pub(super) fn circuit_cpu(&self, rows: u64, columns: [usize; 3], queries: usize) -> f64 {
        let [full, small, fixed] = columns.map(|count| count as f64);
        let row = full * self.full_cell
            + small * self.small_cell
            + fixed * self.fixed_cell
            + queries as f64 * self.opened_cell;
        self.factor * (self.proof + rows as f64 * row * 1e-9)
    }

    /// Processor time of a circuit's keys.
    pub(super) fn circuit_keys_cpu(&self, rows: u64, fixed_columns: usize) -> f64 {
        self.factor * rows as f64 * fixed_columns as f64 * self.key_cell * 1e-9
    }

    /// Wall time of work of so much processor time.
    pub fn wall(&self, cpu: f64, threads: f64) -> f64 {
        cpu * (self.serial + (1.0 - self.serial) / threads.max(1.0))
    }

    /// Most memory held while `workers` tiles are proved at the same time, in bytes.
    pub fn peak_memory(&self, tile: &TileCost, workers: usize) -> u64 {
        let advice = (tile.full_columns + tile.small_columns) as f64;
        let key = tile.fixed_columns as f64 * FIELD;
        let proof = advice * FIELD * self.copies;
        let bytes = tile.rows() as f64 * (self.srs_row + key + workers as f64 * proof);
        self.base.saturating_add(bytes as u64)
    }
}

impl Default for CostModel {
    fn default() -> Self {
        Self::REFERENCE
    }
}
