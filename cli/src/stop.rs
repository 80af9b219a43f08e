//! Whether the work is to stop: what a signal says to it.

use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

/// Set by the first signal.
pub static STOP: AtomicBool = AtomicBool::new(false);

/// Held while results are put under their names.
static RESULTS: Mutex<()> = Mutex::new(());

/// How the command takes the first signal.
pub static LISTENER: Mutex<Listener> = Mutex::new(Listener::Nobody);
/// Told when the first signal is answered.
pub static ANSWERED: Condvar = Condvar::new();

/// How a command takes the first signal.
pub enum Listener {
    /// Not at all: the process ends.
    Nobody,
    /// It stops by itself, after these words.
    Command(Option<&'static str>),
    /// The same, and the words are said.
    Answered,
}

/// What is unwound with.
pub struct Stopped;

/// While the guard lives no signal ends the process, but the second.
pub fn defer() -> MutexGuard<'static, ()> {
    RESULTS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Whether a signal came that the command stops its work for.
pub fn is_heeded() -> bool {
    let listens = |listener: &Listener| !matches!(listener, Listener::Nobody);
    STOP.load(Ordering::Relaxed) && LISTENER.lock().is_ok_and(|it| listens(&it))
}

/// Unwinds to [`crate::interrupt::catch`] if a signal came.
pub fn checkpoint() {
    if is_heeded() {
        // Without the hook that reports panics: this is none.
        resume_unwind(Box::new(Stopped));
    }
}
