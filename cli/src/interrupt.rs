//! Ctrl-C and SIGTERM: the first stops the work, the second ends the process.
//!
//! A thread waits for the first. Most commands end there and then, unless their results are being put
//! under their names ([`defer`]). A command that [listens](listen) ends by itself: a job of proofs looks
//! at [`crate::stop::is_heeded`] between tiles; the other libraries report their progress and have no word for stopping,
//! so that [`crate::stop::checkpoint`] unwinds from the report, temporary files are removed on the way, and [`catch`]
//! makes an ordinary failure of it.

use crate::failure::{Failure, Kind, Result};
use crate::output::{self, Context};
use crate::stop::{ANSWERED, LISTENER, Listener, STOP, Stopped, defer};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use std::io::Write;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// Longest wait for the words to be out.
const WORDS: Duration = Duration::from_secs(1);

/// From here on a signal is answered: with JSON or in words, and with the exit code for it.
pub fn watch(json: bool, command: &'static str) -> Result<()> {
    let failed =
        |error| Failure::from_error(Kind::Internal, error).context("listening for signals");
    for signal in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag unset, the second finds it set.
        flag::register_conditional_shutdown(signal, i32::from(Kind::Interrupted.code()), &STOP)
            .and_then(|_| flag::register(signal, &STOP))
            .map_err(failed)?;
    }
    let mut signals = Signals::new([SIGINT, SIGTERM]).map_err(failed)?;
    std::thread::spawn(move || {
        if signals.forever().next().is_some() {
            answer(json, command);
        }
    });
    Ok(())
}

fn answer(json: bool, command: &str) {
    let mut listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
    match *listener {
        Listener::Command(words) => {
            if let Some(words) = words {
                // After a progress bar, which leaves the cursor in its line.
                let _ = writeln!(std::io::stderr(), "\n{words}");
            }
            *listener = Listener::Answered;
            ANSWERED.notify_all();
        }
        Listener::Answered => {}
        Listener::Nobody => {
            let _whole = defer();
            let code = output::conclude(json, command, Err(stopped()));
            std::process::exit(i32::from(code));
        }
    }
}

fn stopped() -> Failure {
    Failure::new(Kind::Interrupted, "stopped by a signal")
        .help("nothing was left half written; run the same command again")
}

/// From here on a signal stops the work instead of the process; `answer` is what is said then.
pub fn listen(context: &Context, answer: &'static str) {
    let mut listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
    *listener = Listener::Command((!context.json && !context.quiet).then_some(answer));
}

/// Runs a command; a [`crate::stop::checkpoint`] that was hit is a failure of its own kind.
pub fn catch<T>(command: impl FnOnce() -> Result<T>) -> Result<T> {
    let result = catch_unwind(AssertUnwindSafe(command));
    if STOP.load(Ordering::Relaxed) {
        // Work that stops at once does not overtake the answer.
        let listener = LISTENER.lock().unwrap_or_else(PoisonError::into_inner);
        let waits = |it: &mut Listener| matches!(it, Listener::Command(_));
        let _ = ANSWERED.wait_timeout_while(listener, WORDS, waits);
    }
    result.unwrap_or_else(|payload| {
        if payload.is::<Stopped>() {
            Err(stopped())
        } else {
            resume_unwind(payload)
        }
    })
}
