//! Choices of the caller.

use std::sync::Arc;

use crate::estimate::CostModel;
use crate::link::Opening;

/// Size of the tiles.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum TileSize {
    /// Chosen for each stream, to be done soonest.
    #[default]
    Automatic,
    /// `2^k` rows for all streams.
    Fixed(u32),
}

/// Memory that may be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum MemoryLimit {
    /// What the system says is free; no limit where it does not say.
    #[default]
    Available,
    /// So many bytes.
    Bytes(u64),
    /// Whatever it takes.
    Unlimited,
}

/// Choices that do not change what is proved.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of the tiles.
    pub size: TileSize,
    /// Memory that may be taken.
    pub memory: MemoryLimit,
    /// Threads that the proofs run on: those of the current `rayon` pool.
    pub threads: usize,
    /// Tiles proved at the same time; `None` to have as many as threads and memory allow when
    /// they are small, else one.
    pub workers: Option<usize>,
    /// Constants of the predictions.
    pub cost: CostModel,
    /// The secret of a commitment to the weights of all tiles, to which their proofs are linked;
    /// `None` for proofs alone.
    pub opening: Option<Arc<Opening>>,
}

impl Options {
    /// Tiles of `2^k` rows.
    #[must_use]
    pub fn of_size(k: u32) -> Self {
        Self {
            size: TileSize::Fixed(k),
            ..Self::default()
        }
    }

    /// The same, with a commitment to the weights of all tiles by this secret.
    #[must_use]
    pub fn committed(self, opening: Opening) -> Self {
        Self {
            opening: Some(Arc::new(opening)),
            ..self
        }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            size: TileSize::default(),
            memory: MemoryLimit::default(),
            threads: rayon::current_num_threads(),
            workers: None,
            cost: CostModel::REFERENCE,
            opening: None,
        }
    }
}
