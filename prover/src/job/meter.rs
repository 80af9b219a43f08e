//! Counts tiles and looks at the clock.

use std::time::{Duration, Instant};

use super::Job;
use super::directory::TileId;
use super::observer::Standing;

/// Tiles done, weights done, time gone.
pub(super) struct Meter {
    /// For each stream: weights and predicted wall time of a tile, weights of all.
    streams: Vec<(u64, f64, u64)>,
    total_tiles: u64,
    total_weights: u64,
    predicted: f64,
    tiles: u64,
    weights: u64,
    /// Predicted time of the tiles found and proved so far.
    done: f64,
    /// When the first proof of this run began.
    began: Option<Instant>,
    proved_weights: u64,
    proved_predicted: f64,
}

impl Meter {
    pub(super) fn new(job: &Job<'_>) -> Self {
        let streams = job
            .plan
            .model
            .streams
            .iter()
            .zip(&job.tiles)
            .zip(&job.estimate.streams);
        let streams: Vec<_> = streams
            .map(|((spec, tile), predicted)| {
                let time = predicted.wall_seconds / predicted.tiles.max(1) as f64;
                // A stream ends with a row, a tile with a block.
                let weights = spec.rows.saturating_mul(spec.precision.lanes());
                (tile.weights, time, weights)
            })
            .collect();
        Self {
            total_tiles: job.estimate.tiles(),
            total_weights: streams
                .iter()
                .map(|stream| stream.2)
                .fold(0, u64::saturating_add),
            predicted: job.estimate.wall_seconds(),
            streams,
            tiles: 0,
            weights: 0,
            done: 0.0,
            began: None,
            proved_weights: 0,
            proved_predicted: 0.0,
        }
    }

    /// Weights of a tile, fewer for the last one, and its predicted time.
    fn tile(&self, id: TileId) -> (u64, f64) {
        let (full, time, total) = self.streams[usize::from(id.stream)];
        let before = full.saturating_mul(id.index);
        (full.min(total.saturating_sub(before)), time)
    }

    pub(super) fn found(&mut self, id: TileId) -> Standing {
        let (weights, time) = self.tile(id);
        self.tiles += 1;
        self.weights += weights;
        self.done += time;
        self.standing()
    }

    pub(super) fn forget<'t>(&mut self, tiles: impl Iterator<Item = &'t TileId>) {
        for &id in tiles {
            let (weights, time) = self.tile(id);
            self.tiles -= 1;
            self.weights -= weights;
            self.done -= time;
        }
    }

    pub(super) fn proved(&mut self, id: TileId) -> Standing {
        let (weights, time) = self.tile(id);
        self.proved_weights += weights;
        self.proved_predicted += time;
        self.found(id)
    }

    pub(super) fn begin(&mut self) -> Standing {
        self.began.get_or_insert_with(Instant::now);
        self.standing()
    }

    pub(super) fn standing(&self) -> Standing {
        let seconds = self
            .began
            .map_or(0.0, |began| began.elapsed().as_secs_f64());
        let left = (self.predicted - self.done).max(0.0);
        let (correction, weights_per_second) = if self.proved_predicted > 0.0 && seconds > 0.0 {
            (
                seconds / self.proved_predicted,
                self.proved_weights as f64 / seconds,
            )
        } else {
            (1.0, 0.0)
        };
        Standing {
            tiles: self.tiles,
            total_tiles: self.total_tiles,
            weights: self.weights,
            total_weights: self.total_weights,
            weights_per_second,
            remaining: Duration::try_from_secs_f64(left * correction).unwrap_or(Duration::MAX),
        }
    }
}
