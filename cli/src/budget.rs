//! Memory that somebody else's file may take: decided before it is taken, by `--max-memory`.

use crate::failure::{Failure, Kind, Result};
use crate::output::{self, Context};
use nascent_circuits::tile::TileParams;
use nascent_prover::estimate::{CostModel, TileCost};

/// Bytes of an element of a model that is being lowered: the largest tensors are a quarter of all, and
/// have 8 bytes.
const ELEMENT: u64 = 32;
/// Most elements of one tensor, whatever the memory.
const MOST_ELEMENTS: u64 = 1 << 28;

impl Context {
    /// Most elements of one tensor of a model's file.
    pub fn max_elements(&self) -> u64 {
        (self.budget.0 / ELEMENT).min(MOST_ELEMENTS)
    }

    /// Bytes that it takes to derive a verifying key: its circuit's layout, the SRS and the fixed
    /// columns, each of `2^k` rows.
    pub fn key_memory(&self, layout: u64, k: u32, fixed_columns: usize) -> u64 {
        let threads = rayon::current_num_threads() as u64;
        let key = CostModel::REFERENCE.derivation_memory(k, fixed_columns as u64, threads);
        layout.saturating_add(key)
    }

    /// Refuses to derive a verifying key that takes more than the caller allows.
    pub fn allow_key(&self, layout: u64, k: u32, fixed_columns: usize) -> Result<()> {
        self.allow(self.key_memory(layout, k, fixed_columns))
    }

    /// The same of a tile's, which is a circuit of as many rows as the file says.
    pub fn allow_tile_key(&self, params: &TileParams) -> Result<()> {
        self.allow(CostModel::REFERENCE.peak_memory(&TileCost::new(params), 0))
    }

    fn allow(&self, needed: u64) -> Result<()> {
        if needed <= self.budget.0 {
            return Ok(());
        }
        let message = format!(
            "to derive its verifying key takes about {} of memory, the limit is {}",
            output::bytes(needed),
            output::bytes(self.budget.0)
        );
        Err(Failure::new(Kind::Input, message)
            .help("--max-memory GIB allows more, if you trust the file"))
    }
}
