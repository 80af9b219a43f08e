//! What work needs beside its inputs: a folder to keep things in, limits, somebody who is told.

use crate::error::Cancelled;
use nascent_circuits::inference::plan::Budget;
use nascent_params::{Progress, Step};
use nascent_prover::job::{Event, TileFileError, TileId};
use nascent_verifier::Workers;
use rayon::prelude::*;
use std::path::PathBuf;

/// Is told how work goes on, and may stop it.
pub trait Observer: Sync {
    /// `done` of `total` are finished of a step, which has a name for people.
    fn progress(&self, step: &str, done: u64, total: u64) {
        let _ = (step, done, total);
    }

    /// A step of a job of proofs, which says more than [`Observer::progress`]; unless somebody listens,
    /// it is told there.
    fn tile(&self, event: &Event<'_>) {
        match event {
            Event::Resumed { standing, .. } | Event::Proved { standing, .. } => {
                self.progress("proving", standing.tiles, standing.total_tiles);
            }
            Event::Discarded { tile, reason } => self.warn(&discarded(*tile, reason)),
            _ => {}
        }
    }

    /// Something that is worth a word, and no reason to stop.
    fn warn(&self, words: &str) {
        let _ = words;
    }

    /// Whether the caller wants the work to stop. Looked at between tiles, tensors and phases; what is
    /// finished by then is kept where there is a place for it.
    fn is_cancelled(&self) -> bool {
        false
    }
}

/// What is said of a tile whose file is of no use, for this reason.
pub fn discarded(tile: TileId, reason: &TileFileError) -> String {
    let (index, stream) = (tile.index, tile.stream);
    format!("tile {index} of stream {stream} is proved again: its file is of no use ({reason})")
}

/// Nobody is told.
impl Observer for () {}

/// Where things are kept, and what strangers' files may take.
#[derive(Clone)]
pub struct Setting<'a> {
    /// Folder for SRS, keys and unfinished work.
    pub cache: PathBuf,
    /// Most bytes of memory for laying out a circuit that a file asks for.
    pub memory: u64,
    /// Is told how work goes on.
    pub observer: &'a dyn Observer,
}

impl Setting<'_> {
    /// Bytes of memory for layouts that suit most models: 4 GiB.
    pub const MEMORY: u64 = Budget::DEFAULT.0;

    /// A folder to keep things in; nobody is told.
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        Self {
            cache: cache.into(),
            memory: Self::MEMORY,
            observer: &(),
        }
    }

    /// Stops work that the caller has cancelled.
    pub(crate) fn go_on(&self) -> Result<(), Cancelled> {
        match self.observer.is_cancelled() {
            true => Err(Cancelled),
            false => Ok(()),
        }
    }

    /// Memory for layouts.
    pub(crate) fn budget(&self) -> Budget {
        Budget(self.memory)
    }
}

impl std::fmt::Debug for Setting<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Setting")
            .field("cache", &self.cache)
            .field("memory", &self.memory)
            .finish_non_exhaustive()
    }
}

/// Tells an observer of the work on an SRS.
pub(crate) struct SrsProgress<'a>(pub &'a dyn Observer);

impl Progress for SrsProgress<'_> {
    fn report(&self, step: Step, done: u64, total: u64) {
        self.0.progress(srs_step(step), done, total);
    }
}

/// A step of the work on an SRS, in words.
fn srs_step(step: Step) -> &'static str {
    match step {
        Step::HashFile => "SRS: hashing the file",
        Step::ReadPowers => "SRS: reading powers",
        Step::ReadLagrange => "SRS: reading Lagrange basis",
        Step::GeneratePowers => "SRS: powers",
        Step::GenerateLagrange => "SRS: Lagrange basis",
        Step::TransformLagrange => "SRS: computing Lagrange basis",
        Step::CheckPoints => "SRS: checking points",
        Step::CheckPowers => "SRS: checking powers",
        Step::CheckLagrange => "SRS: checking Lagrange basis",
        Step::ReadCache => "SRS: reading",
        Step::WriteCache => "SRS: writing",
        _ => "SRS",
    }
}

/// The verifier's workers: all threads of the current pool.
#[derive(Debug, Clone, Copy)]
pub struct Pool;

impl Workers for Pool {
    fn width(&self) -> usize {
        rayon::current_num_threads()
    }

    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
        (0..count).into_par_iter().map(&work).collect()
    }
}
