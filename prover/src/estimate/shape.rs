//! What a tile consists of.

use halo2_proofs::plonk::{Circuit, ConstraintSystem};
use halo2curves::bn256::Fr;
use nascent_circuits::tile::{TileCircuit, TileParams};
use nascent_verifier::StreamSpec;

/// Counts of a tile, taken from its constraint system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TileCost {
    /// The circuit has `2^k` rows.
    pub k: u32,
    /// Weights of a tile.
    pub weights: u64,
    /// Blocks of a tile.
    pub blocks: u64,
    /// Advice columns of small values (limbs, lanes, counts).
    pub small_columns: usize,
    /// Advice columns of field elements.
    pub full_columns: usize,
    /// Fixed columns.
    pub fixed_columns: usize,
    /// Openings: queries of advice and fixed columns.
    pub queries: usize,
    /// Bytes of a proof.
    pub proof_bytes: u64,
}

impl TileCost {
    /// Counts the columns of a tile.
    pub fn new(params: &TileParams) -> Self {
        let mut meta = ConstraintSystem::<Fr>::default();
        let config = TileCircuit::configure_with_params(&mut meta, params.clone());
        let limbs = if params.table.is_some() {
            config.canonical.limbs.len()
        } else {
            0
        };
        let split = 3;
        let counts = config.sample_counts.len() + config.range_counts.len();
        let small_columns = config.lanes.len() + limbs + split + counts;
        let advice = meta.num_advice_columns();
        let queries = meta.advice_queries().len() + meta.fixed_queries().len();
        // The random polynomial, the quotient's pieces, and the two points of the opening.
        let points = advice + 1 + (meta.degree() - 1) + 2;
        // One more evaluation: of the random polynomial.
        let words = points + queries + 1;
        Self {
            k: params.k,
            weights: params.weights() as u64,
            blocks: params.blocks() as u64,
            small_columns,
            full_columns: advice - small_columns,
            fixed_columns: meta.num_fixed_columns(),
            queries,
            proof_bytes: 32 * words as u64,
        }
    }

    /// Rows of the circuit.
    pub fn rows(&self) -> u64 {
        1 << self.k
    }

    /// Tiles that a stream needs.
    pub fn tiles(&self, stream: &StreamSpec) -> u64 {
        stream.blocks().div_ceil(self.blocks)
    }
}
