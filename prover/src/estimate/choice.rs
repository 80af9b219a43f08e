//! The size of the tiles.

use nascent_circuits::tile::{ShapeError, TileParams};
use nascent_verifier::{Format, InitBundle, ModelSpec, StreamSpec};

use super::model::CostModel;
use super::shape::TileCost;

/// Smallest size that is chosen: below it a tile is mostly table.
const LEAST_K: u32 = 9;
/// A larger tile is taken when it costs at most this much more: fewer proofs to verify.
const TOLERANCE: f64 = 1.15;
/// Bytes of a bundle that proofs may take; the rest is for the plan.
const BUNDLE_BYTES: u64 = InitBundle::MAX_BYTES as u64 / 4 * 3;
/// Bytes of a bundle per proof besides the proof itself, at most.
const ENTRY_BYTES: u64 = 48;

/// What proving may use.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Sizes of tiles that may be chosen: those for which there is an SRS.
    pub sizes: Vec<u32>,
    /// Bytes of memory; `None` for no limit.
    pub memory: Option<u64>,
    /// Threads.
    pub threads: usize,
}

/// Why no size will do.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ChoiceError {
    /// The stream has no circuit.
    #[error("stream {stream}: {source}")]
    Shape {
        /// Index of the stream.
        stream: usize,
        /// Why.
        source: ShapeError,
    },
    /// There is no SRS of any size that would do.
    #[error("stream {stream}: no SRS of a size from 2^{min} to 2^{max} at hand")]
    NoSize {
        /// Index of the stream.
        stream: usize,
        /// Least size.
        min: u32,
        /// Greatest size.
        max: u32,
    },
    /// Every size takes more memory than there is.
    #[error(
        "stream {stream}: tiles of 2^{k} rows take {} MiB, {} MiB are free: \
         choose smaller tiles or raise the memory limit",
        expected >> 20, got >> 20
    )]
    Memory {
        /// Index of the stream.
        stream: usize,
        /// The size that needs least of those that may be chosen.
        k: u32,
        /// Bytes needed.
        expected: u64,
        /// Bytes allowed.
        got: u64,
    },
    /// The proofs do not fit a bundle.
    #[error("proofs of {got} bytes, a bundle holds {limit}: choose larger tiles")]
    Bundle {
        /// Most bytes.
        limit: u64,
        /// Bytes needed.
        got: u64,
    },
}

/// Chooses the tiles of each stream, with the weight digest or without: those predicted to be proved
/// soonest within the limits.
///
/// # Errors
///
/// If a stream has no circuit, or none fits the limits.
pub fn choose_sizes(
    model: &ModelSpec,
    weight_digest: bool,
    cost: &CostModel,
    limits: &Limits,
) -> Result<Vec<TileCost>, ChoiceError> {
    let streams = model.streams.iter().enumerate();
    let tiles: Vec<_> = streams
        .map(|(stream, spec)| choose(stream, spec, weight_digest, cost, limits))
        .collect::<Result<_, _>>()?;
    check_bundle(model, &tiles)?;
    Ok(tiles)
}

/// Checks that the proofs fit a bundle.
pub(crate) fn check_bundle(model: &ModelSpec, tiles: &[TileCost]) -> Result<(), ChoiceError> {
    let bytes = |(spec, tile): (&StreamSpec, &TileCost)| {
        tile.tiles(spec)
            .saturating_mul(tile.proof_bytes.saturating_add(ENTRY_BYTES))
    };
    let got = model
        .streams
        .iter()
        .zip(tiles)
        .map(bytes)
        .fold(0, u64::saturating_add);
    if got > BUNDLE_BYTES {
        return Err(ChoiceError::Bundle {
            limit: BUNDLE_BYTES,
            got,
        });
    }
    Ok(())
}

/// Checks that a tile fits the memory.
pub(crate) fn check_memory(
    stream: usize,
    tile: &TileCost,
    cost: &CostModel,
    limits: &Limits,
) -> Result<(), ChoiceError> {
    let expected = cost.peak_memory(tile, 1);
    match limits.memory {
        Some(got) if expected > got => Err(ChoiceError::Memory {
            stream,
            k: tile.k,
            expected,
            got,
        }),
        _ => Ok(()),
    }
}

fn choose(
    stream: usize,
    spec: &StreamSpec,
    weight_digest: bool,
    cost: &CostModel,
    limits: &Limits,
) -> Result<TileCost, ChoiceError> {
    let (min, max) = (LEAST_K, TileParams::MAX_K);
    let mut sizes: Vec<u32> = limits
        .sizes
        .iter()
        .copied()
        .filter(|k| (min..=max).contains(k))
        .collect();
    sizes.sort_unstable();
    let smallest = *sizes
        .first()
        .ok_or(ChoiceError::NoSize { stream, min, max })?;
    let base = TileParams::new(smallest, spec.distribution, spec.precision)
        .map_err(|source| ChoiceError::Shape { stream, source })?
        .with_weight_digest(weight_digest);
    // One table for all sizes.
    let tile = |&k: &u32| TileCost::new(&TileParams { k, ..base.clone() });
    let mut tiles: Vec<TileCost> = sizes.iter().map(tile).collect();
    if let Some(memory) = limits.memory {
        let needs = |tile: &TileCost| cost.peak_memory(tile, 1);
        let least = tiles.iter().min_by_key(|tile| needs(tile)).cloned();
        tiles.retain(|tile| needs(tile) <= memory);
        if let (true, Some(least)) = (tiles.is_empty(), least) {
            check_memory(stream, &least, cost, limits)?;
        }
    }
    let seconds = |tile: &TileCost| super::stream(spec, tile, cost, limits).wall_seconds;
    let best = tiles.iter().map(&seconds).fold(f64::INFINITY, f64::min);
    let chosen = tiles
        .into_iter()
        .rev()
        .find(|tile| seconds(tile) <= best * TOLERANCE);
    chosen.ok_or(ChoiceError::NoSize { stream, min, max })
}
