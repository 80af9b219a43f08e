//! Sizes of a tile.

use std::sync::Arc;

use nascent_verifier::{Distribution, Precision};

use crate::canonical::LimbShape;
use crate::poseidon2::BLOCK_ROWS;
use crate::sampling::DeviateTable;

/// Blocks that derive the stream key.
pub const HEADER_BLOCKS: usize = 3;
/// Index of the first advice column that carries weight lanes.
pub const WEIGHT_LANES_START: usize = 0;
/// Rows at the end of each column that the library fills with blinding: one more than the
/// blinding factors, which follow from the nine rotations of the column `B_15`.
pub(super) const UNUSABLE_ROWS: usize = 12;

/// A tile cannot be laid out.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ShapeError {
    /// Limbs are too small or too large for the circuit.
    #[error("limbs of {got} bits: the circuit takes 4 to 16")]
    LimbBits {
        /// Bits asked for.
        got: u8,
    },
    /// There is no room for a single block of weights.
    #[error("2^{k} rows are too few or too many: k must be from {min} to {max}")]
    Size {
        /// Size asked for.
        k: u32,
        /// Least size.
        min: u32,
        /// Greatest size.
        max: u32,
    },
    /// The distribution does not fit the precision.
    #[error("the deviate table cannot be built: {0}")]
    Table(#[from] crate::sampling::SamplingError),
}

/// What a set of keys depends on, with the sampling table.
#[derive(Clone, Debug)]
pub struct TileParams {
    /// Binary logarithm of the number of rows.
    pub k: u32,
    /// Distribution of the deviates.
    pub distribution: Distribution,
    /// Precision of the deviates.
    pub precision: Precision,
    /// Lane value of each limb; `None` for the uniform, whose lanes are its limbs.
    pub table: Option<Arc<DeviateTable>>,
    /// Whether the circuit also computes the weight digest ([`crate::digest`]).
    pub weight_digest: bool,
}

impl TileParams {
    /// Smallest size: room for the header and a block of weights.
    pub const MIN_K: u32 = 7;
    /// Greatest size.
    pub const MAX_K: u32 = 24;

    /// Parameters of a tile of `2^k` rows.
    ///
    /// # Errors
    ///
    /// If the size or the precision is out of range, or the table does not fit.
    pub fn new(
        k: u32,
        distribution: Distribution,
        precision: Precision,
    ) -> Result<Self, ShapeError> {
        if !(4..=16).contains(&precision.limb_bits) {
            return Err(ShapeError::LimbBits {
                got: precision.limb_bits,
            });
        }
        if !(Self::MIN_K..=Self::MAX_K).contains(&k) {
            return Err(ShapeError::Size {
                k,
                min: Self::MIN_K,
                max: Self::MAX_K,
            });
        }
        let table = match distribution {
            Distribution::Uniform => None,
            _ => Some(Arc::new(DeviateTable::new(distribution, precision)?)),
        };
        Ok(Self {
            k,
            distribution,
            precision,
            table,
            weight_digest: false,
        })
    }

    /// The same tile, with the weight digest or without.
    pub fn with_weight_digest(self, weight_digest: bool) -> Self {
        Self {
            weight_digest,
            ..self
        }
    }

    /// How an output is cut.
    pub fn limbs(&self) -> LimbShape {
        LimbShape::new(usize::from(self.precision.limb_bits))
    }

    /// Weights of a row.
    pub fn lanes(&self) -> usize {
        self.limbs().limbs
    }

    /// Row on which the running sum ends; rows below it may carry tables and blocks.
    pub fn last_row(&self) -> usize {
        (1 << self.k) - UNUSABLE_ROWS - 1
    }

    /// Blocks of weights of a tile.
    pub fn blocks(&self) -> usize {
        self.last_row() / BLOCK_ROWS - HEADER_BLOCKS
    }

    /// Rows of weights of a tile.
    pub fn weight_rows(&self) -> usize {
        self.blocks() * BLOCK_ROWS
    }

    /// Weights of a tile.
    pub fn weights(&self) -> usize {
        self.weight_rows() * self.lanes()
    }

    /// First row of the weights.
    pub fn first_weight_row(&self) -> usize {
        HEADER_BLOCKS * BLOCK_ROWS
    }

    /// Column sets that the table is folded into.
    pub fn table_sets(&self) -> usize {
        (1usize << self.precision.limb_bits).div_ceil(self.last_row())
    }

    /// Limb of a table row; rows past the table repeat limb 0.
    pub(super) fn table_limb(&self, set: usize, row: usize) -> usize {
        let limb = set * self.last_row() + row;
        if limb < 1 << self.precision.limb_bits {
            limb
        } else {
            0
        }
    }

    /// Lane value of a limb.
    pub fn lane_value(&self, limb: usize) -> u32 {
        match &self.table {
            Some(table) => table.lanes()[limb],
            None => limb as u32,
        }
    }
}

impl Default for TileParams {
    /// The smallest uniform tile; the library asks for a default and never uses it.
    fn default() -> Self {
        Self {
            k: 11,
            distribution: Distribution::Uniform,
            precision: Precision {
                limb_bits: 8,
                fraction_bits: 0,
            },
            table: None,
            weight_digest: false,
        }
    }
}
