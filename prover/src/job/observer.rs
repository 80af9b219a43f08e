//! How a job reports where it is. It prints nothing itself.

use std::time::Duration;

use super::directory::{TileFileError, TileId};
use crate::keys::KeySource;

/// How far the job is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Standing {
    /// Tiles finished, in this run or an earlier one.
    pub tiles: u64,
    /// Tiles in all.
    pub total_tiles: u64,
    /// Weights of the finished tiles.
    pub weights: u64,
    /// Weights in all, padding of the streams included.
    pub total_weights: u64,
    /// Weights proved per second in this run; zero before the first tile.
    pub weights_per_second: f64,
    /// Time left: predicted, corrected by how the tiles of this run went.
    pub remaining: Duration,
}

/// A step of a job.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// The weights of a stream are hashed, for the weight digest.
    Hashing {
        /// Index of the stream.
        stream: u16,
    },
    /// An SRS is read, derived or generated.
    LoadingSrs {
        /// It has `2^k` powers.
        k: u32,
    },
    /// Keys are made.
    PreparingKeys {
        /// Index of the stream.
        stream: u16,
        /// The tiles have `2^k` rows.
        k: u32,
    },
    /// Keys are there.
    Keys {
        /// Index of the stream.
        stream: u16,
        /// Where they came from.
        source: KeySource,
    },
    /// A tile was found finished, and verifies.
    Resumed {
        /// The tile.
        tile: TileId,
        /// How far the job is.
        standing: Standing,
    },
    /// A tile's file is of no use; the tile is proved again.
    Discarded {
        /// The tile.
        tile: TileId,
        /// What is wrong with the file.
        reason: &'a TileFileError,
    },
    /// A proof begins.
    Proving {
        /// The tile.
        tile: TileId,
        /// How far the job is.
        standing: Standing,
    },
    /// A proof was made, verified and written.
    Proved {
        /// The tile.
        tile: TileId,
        /// Wall time it took.
        time: Duration,
        /// How far the job is.
        standing: Standing,
    },
    /// All tiles are there; the bundle is verified as a whole.
    VerifyingBundle,
}

/// Is told of every [`Event`], from any thread. Any `Fn(&Event) + Sync` is one.
pub trait Observer: Sync {
    /// Called at once; the work waits for it.
    fn on_event(&self, event: &Event<'_>);
}

impl<F: Fn(&Event<'_>) + Sync> Observer for F {
    fn on_event(&self, event: &Event<'_>) {
        self(event);
    }
}

/// Takes no notice.
#[derive(Clone, Copy, Debug, Default)]
pub struct Quiet;

impl Observer for Quiet {
    fn on_event(&self, _: &Event<'_>) {}
}
