//! What the command says: words for people, or one JSON object.

use crate::failure::{Failure, Kind};
use indicatif::{HumanBytes, HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How a command talks, and where it keeps things.
#[derive(Debug)]
pub struct Context {
    /// One JSON object on standard output, nothing else.
    pub json: bool,
    /// Only the result.
    pub quiet: bool,
    /// Where SRS, keys and jobs are kept.
    pub cache: PathBuf,
    /// Keeps a cache that lasts for this run only.
    pub _temporary: Option<tempfile::TempDir>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Outcome {
    /// The result for `--json`.
    pub json: Value,
    /// Whether a check came out false.
    pub refused: bool,
}

impl Outcome {
    /// Success.
    pub fn ok(json: Value) -> Self {
        Self {
            json,
            refused: false,
        }
    }

    /// A check that came out true or false.
    pub fn verdict(accepted: bool, json: Value) -> Self {
        Self {
            json,
            refused: !accepted,
        }
    }
}

impl Context {
    /// A line of the result.
    pub fn result(&self, line: impl AsRef<str>) {
        if !self.json {
            say(line.as_ref());
        }
    }

    /// A line about what is going on.
    pub fn note(&self, line: impl AsRef<str>) {
        if !self.json && !self.quiet {
            let _ = writeln!(std::io::stderr(), "{}", line.as_ref());
        }
    }

    /// A warning, which `--quiet` does not hide.
    pub fn warn(&self, line: impl AsRef<str>) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "warning: {}", line.as_ref());
        }
    }

    /// A progress bar with the time left; hidden when nobody watches.
    pub fn bar(&self, what: &str) -> Bar {
        let style = "{msg:30} {bar:24} {percent:>3}%  {elapsed} gone, {eta} left";
        self.styled_bar(
            what,
            ProgressStyle::with_template(style).ok(),
            Arc::default(),
        )
    }

    /// As [`Context::bar`], for few and long units: the time left comes from the work itself,
    /// through [`Bar::expect`], and counts down between two units.
    pub fn countdown(&self, what: &str) -> Bar {
        let end: Arc<Mutex<Option<Instant>>> = Arc::default();
        let shared = Arc::clone(&end);
        let left = move |_: &indicatif::ProgressState, out: &mut dyn std::fmt::Write| {
            let end = shared.lock().ok().and_then(|end| *end);
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            let text = match left {
                None => String::new(),
                Some(left) if left < Duration::from_secs(1) => ", longer than predicted".to_owned(),
                Some(left) => format!(", about {:#} left", HumanDuration(left)),
            };
            // Only a broken terminal refuses it.
            let _ = out.write_str(&text);
        };
        let style = ProgressStyle::with_template(
            "{spinner} {msg:28} {bar:24} {pos}/{len}  {elapsed} gone{left}",
        );
        let bar = self.styled_bar(
            what,
            style.ok().map(|style| style.with_key("left", left)),
            end,
        );
        bar.set(0, 1);
        bar.bar.enable_steady_tick(Duration::from_millis(250));
        bar
    }

    fn styled_bar(
        &self,
        what: &str,
        style: Option<ProgressStyle>,
        end: Arc<Mutex<Option<Instant>>>,
    ) -> Bar {
        let hidden = self.json || self.quiet || !std::io::stderr().is_terminal();
        let target = if hidden {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr()
        };
        let bar = ProgressBar::with_draw_target(Some(0), target);
        if let Some(style) = style {
            bar.set_style(style);
        }
        bar.set_message(what.to_owned());
        Bar {
            bar,
            step: Mutex::new(None),
            end,
        }
    }
}

/// A progress bar that any of the libraries' reports can drive.
pub struct Bar {
    bar: ProgressBar,
    step: Mutex<Option<String>>,
    end: Arc<Mutex<Option<Instant>>>,
}

impl Bar {
    /// `done` of `total` are finished.
    pub fn set(&self, done: u64, total: u64) {
        self.bar.set_length(total);
        self.bar.set_position(done);
    }

    /// As [`Bar::set`], for one of several steps, each counted on its own.
    pub fn step(&self, step: &str, done: u64, total: u64) {
        if let Ok(mut current) = self.step.lock()
            && current.as_deref() != Some(step)
        {
            self.bar.reset();
            self.bar.set_message(step.to_owned());
            *current = Some(step.to_owned());
        }
        self.set(done, total);
    }

    /// What is being done now.
    pub fn say(&self, what: String) {
        self.bar.set_message(what);
    }

    /// How long it will still take.
    pub fn expect(&self, left: Duration) {
        if let Ok(mut end) = self.end.lock() {
            *end = Instant::now().checked_add(left);
        }
    }

    /// Removes the bar.
    pub fn finish(&self) {
        self.bar.finish_and_clear();
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        self.finish();
    }
}

impl nascent_params::Progress for Bar {
    fn report(&self, step: nascent_params::Step, done: u64, total: u64) {
        use nascent_params::Step as S;
        let name = match step {
            S::HashFile => "SRS: hashing the file",
            S::ReadPowers => "SRS: reading powers",
            S::ReadLagrange => "SRS: reading Lagrange basis",
            S::GeneratePowers => "SRS: powers",
            S::GenerateLagrange => "SRS: Lagrange basis",
            S::TransformLagrange => "SRS: computing Lagrange basis",
            S::CheckPoints => "SRS: checking points",
            S::CheckPowers => "SRS: checking powers",
            S::CheckLagrange => "SRS: checking Lagrange basis",
            S::ReadCache => "SRS: reading",
            S::WriteCache => "SRS: writing",
            _ => "SRS",
        };
        self.step(name, done, total);
        crate::interrupt::checkpoint();
    }
}

/// Why standard output took something no more.
static UNSAID: Mutex<Option<std::io::Error>> = Mutex::new(None);
/// Whether the last word is said.
static CONCLUDED: Mutex<bool> = Mutex::new(false);

/// A line on standard output. What cannot be said there makes [`conclude`] fail.
pub fn say(line: &str) {
    let mut out = std::io::stdout();
    let said = writeln!(out, "{line}").and_then(|()| out.flush());
    if let (Err(error), Ok(mut unsaid)) = (said, UNSAID.lock()) {
        unsaid.get_or_insert(error);
    }
}

/// Prints how the command ended; gives the exit code. Whoever concludes first does.
pub fn conclude(json: bool, command: &str, result: Result<Outcome, Failure>) -> u8 {
    let mut concluded = CONCLUDED.lock().unwrap_or_else(PoisonError::into_inner);
    if *concluded {
        // The process ends in another thread at any moment, with that thread's code.
        drop(concluded);
        loop {
            std::thread::park();
        }
    }
    *concluded = true;
    let code = print_end(json, command, result);
    let unsaid = UNSAID.lock().ok().and_then(|mut unsaid| unsaid.take());
    match unsaid {
        Some(error) if code != Kind::Interrupted.code() => {
            let failure = Failure::from_error(Kind::Environment, error)
                .context("standard output took not all of the result");
            print_failure(&failure);
            if code == 0 {
                failure.kind().code()
            } else {
                code
            }
        }
        _ => code,
    }
}

fn print_end(json: bool, command: &str, result: Result<Outcome, Failure>) -> u8 {
    match result {
        Ok(outcome) => {
            let code = u8::from(outcome.refused);
            if json {
                let mut object =
                    json!({ "command": command, "ok": !outcome.refused, "exit_code": code });
                if let (Some(object), Value::Object(fields)) =
                    (object.as_object_mut(), outcome.json)
                {
                    object.extend(fields);
                }
                print_json(&object);
            }
            code
        }
        Err(failure) => {
            let code = failure.kind().code();
            if json {
                print_json(&failure_json(command, &failure));
            } else {
                print_failure(&failure);
            }
            code
        }
    }
}

fn failure_json(command: &str, failure: &Failure) -> Value {
    json!({
        "command": command,
        "ok": false,
        "exit_code": failure.kind().code(),
        "error": {
            "kind": failure.kind().name(),
            "messages": failure.messages(),
            "help": failure.advice(),
        },
    })
}

fn print_failure(failure: &Failure) {
    let mut err = std::io::stderr().lock();
    for (position, message) in failure.messages().iter().enumerate() {
        let label = if position == 0 { "error" } else { "  because" };
        let _ = writeln!(err, "{label}: {message}");
    }
    if let Some(help) = failure.advice() {
        let _ = writeln!(err, "help: {help}");
    }
}

fn print_json(value: &Value) {
    say(&format!("{value:#}"));
}

/// A path for `--json`, where text is Unicode: what of a name is none is replaced.
pub fn path(path: impl AsRef<Path>) -> Value {
    path.as_ref().to_string_lossy().into()
}

/// As [`path`], of one that may not be there.
pub fn path_of(path: Option<impl AsRef<Path>>) -> Value {
    path.map_or(Value::Null, self::path)
}

/// `1.5 MiB`.
pub fn bytes(count: u64) -> String {
    HumanBytes(count).to_string()
}

/// `350 ms`, `12.3 s`, or minutes and hours in words.
pub fn duration(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 1.0 {
        format!("{:.1} ms", seconds * 1000.0)
    } else if seconds < 120.0 {
        format!("{seconds:.1} s")
    } else {
        HumanDuration(time).to_string()
    }
}

/// `62 006`: digits in groups of three.
pub fn count(number: u64) -> String {
    indicatif::HumanCount(number).to_string()
}
