//! The verifier's workers: the threads that the rest of the command uses.

use nascent_verifier::Workers;
use rayon::prelude::*;

/// All threads of the current pool.
pub struct Pool;

impl Workers for Pool {
    fn width(&self) -> usize {
        rayon::current_num_threads()
    }

    fn map<R: Send>(&self, count: usize, work: impl Fn(usize) -> R + Sync) -> Vec<R> {
        (0..count).into_par_iter().map(&work).collect()
    }
}
