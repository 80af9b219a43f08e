//! Ctrl-C and SIGTERM: the first asks the work to stop where it can, the second ends the process.
//!
//! A job of proofs looks at [`flag()`] between tiles. The other libraries report their progress and
//! have no word for stopping; there [`checkpoint`] unwinds from the report, so that temporary files
//! are removed on the way, and [`catch`] makes an ordinary failure of it.

use crate::failure::{Failure, Kind, Result};
use crate::output::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

static STOP: AtomicBool = AtomicBool::new(false);

/// Who answers the first signal.
static ANSWERER: Mutex<Option<JoinHandle<()>>> = Mutex::new(None);

/// How soon the first signal is answered in words.
const ANSWER: Duration = Duration::from_millis(50);

/// What is unwound with.
struct Stopped;

/// Set by the first signal, once [`listen`] was called.
pub fn flag() -> &'static AtomicBool {
    &STOP
}

/// From here on a signal stops the work instead of the process; `answer` is what is said then.
pub fn listen(context: &Context, answer: &'static str) -> Result<()> {
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset, the second finds it set.
        flag::register_conditional_shutdown(signal, i32::from(Kind::Interrupted.code()), &STOP)
            .and_then(|_| flag::register(signal, &STOP))
            .map_err(|error| {
                Failure::from_error(Kind::Internal, error).context("listening for signals")
            })?;
    }
    if !context.json && !context.quiet {
        let answerer = std::thread::spawn(move || {
            while !STOP.load(Ordering::Relaxed) {
                std::thread::sleep(ANSWER);
            }
            // After a progress bar, which leaves the cursor in its line.
            let _ = writeln!(std::io::stderr(), "\n{answer}");
        });
        if let Ok(mut place) = ANSWERER.lock() {
            *place = Some(answerer);
        }
    }
    Ok(())
}

/// Unwinds to [`catch`] if a signal came.
pub fn checkpoint() {
    if STOP.load(Ordering::Relaxed) {
        // Without the hook that reports panics: this is none.
        resume_unwind(Box::new(Stopped));
    }
}

/// Runs a command; a [`checkpoint`] that was hit is a failure of its own kind.
pub fn catch<T>(command: impl FnOnce() -> Result<T>) -> Result<T> {
    let result = catch_unwind(AssertUnwindSafe(command));
    // Work that stops at once does not overtake the answer.
    let answerer = ANSWERER.lock().ok().and_then(|mut place| place.take());
    if let Some(answerer) = answerer.filter(|_| STOP.load(Ordering::Relaxed)) {
        let _ = answerer.join();
    }
    result.unwrap_or_else(|payload| {
        if payload.is::<Stopped>() {
            Err(Failure::new(Kind::Interrupted, "stopped by a signal")
                .help("nothing was left half written; run the same command again"))
        } else {
            resume_unwind(payload)
        }
    })
}
