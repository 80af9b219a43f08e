//! What proving will take, before any of it starts.
//!
//! - [`TileCost`]: what a tile of some size consists of, counted from the circuit;
//! - [`InferenceCost`]: the same of an inference;
//! - [`CostModel`]: seconds and bytes of it, with constants measured on one machine;
//! - [`choose_sizes`]: the size of the tiles of each stream;
//! - [`Estimate`]: all of a model, in numbers to print.

mod calibrate;
mod choice;
mod inference;
mod memory;
mod model;
mod shape;

pub use choice::{ChoiceError, Limits, choose_sizes};
pub(crate) use choice::{check_bundle, check_memory};
pub use inference::InferenceCost;
pub use memory::available_memory;
pub use model::CostModel;
pub use shape::TileCost;

use nascent_verifier::{ModelSpec, StreamSpec};

/// Prediction for one stream.
#[derive(Clone, Debug)]
pub struct StreamEstimate {
    /// Tiles have `2^k` rows.
    pub k: u32,
    /// Number of tiles.
    pub tiles: u64,
    /// Weights of a full tile.
    pub weights_per_tile: u64,
    /// Tiles proved at the same time.
    pub workers: usize,
    /// Processor time of the whole stream, keys included, in seconds.
    pub cpu_seconds: f64,
    /// Wall time of the whole stream, in seconds.
    pub wall_seconds: f64,
    /// Most memory held at once, in bytes.
    pub peak_memory: u64,
    /// Bytes of one proof, exact.
    pub proof_bytes: u64,
}

/// Prediction for a model.
#[derive(Clone, Debug)]
pub struct Estimate {
    /// Stream by stream.
    pub streams: Vec<StreamEstimate>,
    /// Threads reckoned with.
    pub threads: usize,
    /// What makes the proofs.
    pub backend: &'static str,
    /// Machine, and the date, that the constants come from.
    pub machine: &'static str,
    /// How much slower than that machine this one was found to be; 1 when it was not tried.
    pub factor: f64,
}

impl Estimate {
    /// Predicts the streams of a model with tiles of the given costs.
    pub fn new(model: &ModelSpec, tiles: &[TileCost], cost: &CostModel, limits: &Limits) -> Self {
        let streams = model.streams.iter().zip(tiles);
        Self {
            streams: streams
                .map(|(spec, tile)| stream(spec, tile, cost, limits))
                .collect(),
            threads: limits.threads,
            backend: crate::backend::NAME,
            machine: cost.machine,
            factor: cost.factor,
        }
    }

    /// Number of proofs.
    pub fn tiles(&self) -> u64 {
        self.streams
            .iter()
            .map(|stream| stream.tiles)
            .fold(0, u64::saturating_add)
    }

    /// Processor time in all, in seconds.
    pub fn cpu_seconds(&self) -> f64 {
        self.streams.iter().map(|stream| stream.cpu_seconds).sum()
    }

    /// Wall time in all, in seconds.
    pub fn wall_seconds(&self) -> f64 {
        self.streams.iter().map(|stream| stream.wall_seconds).sum()
    }

    /// Most memory held at once, in bytes.
    pub fn peak_memory(&self) -> u64 {
        self.streams
            .iter()
            .map(|stream| stream.peak_memory)
            .max()
            .unwrap_or(0)
    }

    /// Bytes of all proofs.
    pub fn proof_bytes(&self) -> u64 {
        let bytes = |stream: &StreamEstimate| stream.tiles.saturating_mul(stream.proof_bytes);
        self.streams.iter().map(bytes).fold(0, u64::saturating_add)
    }
}

fn stream(spec: &StreamSpec, tile: &TileCost, cost: &CostModel, limits: &Limits) -> StreamEstimate {
    let tiles = tile.tiles(spec);
    let workers = workers(tile, tiles, cost, limits);
    let proof = cost.proof_cpu(tile);
    let keys = cost.keys_cpu(tile);
    // Each worker's proofs run one after the other on its share of the threads.
    let rounds = tiles.div_ceil(workers as u64) as f64;
    let share = limits.threads as f64 / workers as f64;
    StreamEstimate {
        k: tile.k,
        tiles,
        weights_per_tile: tile.weights,
        workers,
        cpu_seconds: tiles as f64 * proof + keys,
        wall_seconds: rounds * cost.wall(proof, share) + cost.wall(keys, limits.threads as f64),
        peak_memory: cost.peak_memory(tile, workers),
        proof_bytes: tile.proof_bytes,
    }
}

/// Largest tiles that are proved side by side: larger ones keep all threads busy alone.
const MAX_PARALLEL_K: u32 = 15;

/// Tiles of a stream to prove at the same time.
pub(crate) fn workers(tile: &TileCost, tiles: u64, cost: &CostModel, limits: &Limits) -> usize {
    if tile.k > MAX_PARALLEL_K {
        return 1;
    }
    let most = limits
        .threads
        .min(usize::try_from(tiles).unwrap_or(usize::MAX))
        .max(1);
    let fits = |workers: &usize| {
        limits
            .memory
            .is_none_or(|memory| cost.peak_memory(tile, *workers) <= memory)
    };
    (1..=most).rev().find(fits).unwrap_or(1)
}
