//! What the command says: words for people, or one JSON object.

use crate::failure::{Failure, Kind};
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use nascent::initialization::{Event, Standing};
use nascent::setting::discarded;
use nascent::words::wrap;
pub use nascent::words::{bytes, count};
use nascent::{Observer, Setting};
use nascent_verifier::text::{is_plain, one_line};
use serde_json::{Value, json};
use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Exit code of a verification in which every check held, but not everything that it depends on, or
/// that was asked for, was shown.
pub const NOT_SHOWN: u8 = 6;

/// Most characters of an error message.
const MAX_MESSAGE: usize = 2_000;

/// How a command talks, and where it keeps things.
#[derive(Debug)]
pub struct Context {
    /// One JSON object on standard output, nothing else.
    pub json: bool,
    /// Only the result.
    pub quiet: bool,
    /// Where SRS, keys and jobs are kept.
    pub cache: PathBuf,
    /// Bytes of memory that laying out somebody's graph may take.
    pub memory: u64,
    /// Columns of the terminal that the result goes to, if it is one.
    pub columns: Option<usize>,
    /// The bar of the step that goes on.
    pub going: Going,
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
    /// What was asked for, or is needed for the result to mean anything, and was not shown.
    pub open: Vec<String>,
}

impl Outcome {
    /// Success.
    pub fn ok(json: Value) -> Self {
        Self {
            json,
            refused: false,
            open: Vec::new(),
        }
    }

    /// Success, unless something that it depends on was not shown.
    pub fn unless_open(json: Value, open: Vec<String>) -> Self {
        Self {
            json,
            refused: false,
            open,
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        match (self.refused, self.open.is_empty()) {
            (true, _) => 1,
            (false, false) => NOT_SHOWN,
            (false, true) => 0,
        }
    }

    /// A check that came out true or false.
    pub fn verdict(accepted: bool, json: Value) -> Self {
        Self {
            json,
            refused: !accepted,
            open: Vec::new(),
        }
    }
}

impl Context {
    /// A line of the result. It is one line, whatever names from files stand in it: those are data,
    /// and nothing in them moves the cursor or begins a line. Quoting them is the caller's.
    pub fn result(&self, line: impl AsRef<str>) {
        if self.json {
            return;
        }
        for line in lines(line.as_ref(), self.columns) {
            say(&line);
        }
    }

    /// As [`Context::result`], below an empty line.
    pub fn section(&self, line: impl AsRef<str>) {
        self.result("");
        self.result(line);
    }

    /// A line about what is going on.
    pub fn note(&self, line: impl AsRef<str>) {
        if !self.json && !self.quiet {
            say_aside(line.as_ref());
        }
    }

    /// A warning, which `--quiet` does not hide.
    pub fn warn(&self, line: impl AsRef<str>) {
        if !self.json {
            say_aside(&format!("warning: {}", line.as_ref()));
        }
    }

    /// A warning of our own, of several lines.
    pub fn notice(&self, lines: &'static str) {
        if !self.json {
            let _ = writeln!(std::io::stderr(), "warning: {lines}");
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
        bar.set_message(one_line(what));
        Bar {
            bar,
            step: Mutex::new(None),
            end,
        }
    }
}

impl Context {
    /// What the library needs beside its inputs.
    pub fn setting(&self) -> Setting<'_> {
        Setting {
            cache: self.cache.clone(),
            memory: self.memory,
            observer: self,
        }
    }
}

/// Columns of the terminal that standard output goes to, if it is one.
pub fn terminal_columns() -> Option<usize> {
    columns(&console::Term::stdout(), &std::io::stdout())
}

fn columns(terminal: &console::Term, stream: &impl IsTerminal) -> Option<usize> {
    let (_, columns) = terminal.size_checked()?;
    stream.is_terminal().then(|| usize::from(columns))
}

/// A line as it is printed: on one line, or broken for a terminal that is narrower, which would break it
/// anywhere, also inside of what a file says.
fn lines(text: &str, columns: Option<usize>) -> Vec<String> {
    let line = one_line(text);
    let Some(columns) = columns.filter(|columns| line.chars().count() > *columns) else {
        return vec![line];
    };
    let indent = line.len().saturating_sub(line.trim_start().len()) + 4;
    let broken = wrap(&line, columns.saturating_sub(indent)).into_iter();
    let broken = broken.enumerate().map(|(position, line)| match position {
        0 => line,
        _ => format!("{:indent$}{line}", ""),
    });
    broken.collect()
}

/// A line on standard error.
fn say_aside(text: &str) {
    let columns = columns(&console::Term::stderr(), &std::io::stderr());
    let mut err = std::io::stderr().lock();
    for line in lines(text, columns) {
        let _ = writeln!(err, "{line}");
    }
}

/// A bar that lasts for a step.
#[derive(Default)]
pub struct Going(Mutex<Option<Bar>>);

impl std::fmt::Debug for Going {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Going(..)")
    }
}

impl Observer for Context {
    fn progress(&self, step: &str, done: u64, total: u64) {
        if let Ok(mut bar) = self.going.0.lock() {
            bar.get_or_insert_with(|| self.bar(step))
                .step(step, done, total);
            if done >= total {
                *bar = None;
            }
        }
        crate::stop::checkpoint();
    }

    fn tile(&self, event: &Event<'_>) {
        if let Event::Discarded { tile, reason } = event {
            return Context::warn(self, discarded(*tile, reason));
        }
        if let Ok(mut bar) = self.going.0.lock() {
            bar.get_or_insert_with(|| self.countdown("starting"))
                .tile(event);
        }
    }

    fn warn(&self, words: &str) {
        Context::warn(self, words);
    }

    fn is_cancelled(&self) -> bool {
        crate::stop::is_heeded()
    }
}

impl Going {
    /// The step is over.
    pub fn end(&self) {
        if let Ok(mut bar) = self.0.lock() {
            *bar = None;
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
            self.bar.set_message(one_line(step));
            *current = Some(step.to_owned());
        }
        self.set(done, total);
    }

    /// What is being done now.
    pub fn say(&self, what: String) {
        self.bar.set_message(one_line(&what));
    }

    /// How long it will still take.
    pub fn expect(&self, left: Duration) {
        if let Ok(mut end) = self.end.lock() {
            *end = Instant::now().checked_add(left);
        }
    }

    /// A step of a job of proofs.
    fn tile(&self, event: &Event<'_>) {
        let show = |standing: &Standing| {
            self.set(standing.tiles, standing.total_tiles);
            self.expect(standing.remaining);
            let rate = count(standing.weights_per_second as u64);
            self.say(match standing.weights_per_second > 0.0 {
                true => format!("proving, {rate} weights/s"),
                false => "proving".to_owned(),
            });
        };
        match event {
            Event::Hashing { .. } => self.say("hashing the weights".to_owned()),
            Event::LoadingSrs { k } => self.say(format!("SRS of 2^{k}")),
            Event::PreparingKeys { k, .. } => self.say(format!("keys of 2^{k} rows")),
            Event::Proving { standing, .. }
            | Event::Proved { standing, .. }
            | Event::Resumed { standing, .. } => show(standing),
            Event::VerifyingBundle => self.say("verifying the bundle".to_owned()),
            _ => {}
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
            let code = outcome.code();
            if json {
                let mut object = json!({ "command": command, "ok": code == 0, "exit_code": code });
                if !outcome.open.is_empty() {
                    object["not_shown"] = json!(outcome.open);
                }
                if let (Some(object), Value::Object(fields)) =
                    (object.as_object_mut(), outcome.json)
                {
                    object.extend(fields);
                }
                print_json(&object);
            } else if !outcome.open.is_empty() {
                say_aside("");
                say_aside(&format!(
                    "NOT ACCEPTED as it stands (exit code {code}): not shown"
                ));
                for what in &outcome.open {
                    say_aside(&format!("  - {what}"));
                }
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
            "messages": failure.messages().iter().map(|of| bounded(of)).collect::<Vec<_>>(),
            "help": failure.advice(),
        },
    })
}

fn print_failure(failure: &Failure) {
    for (position, message) in failure.messages().iter().enumerate() {
        let label = if position == 0 { "error" } else { "  because" };
        say_aside(&format!("{label}: {}", bounded(message)));
    }
    if let Some(help) = failure.advice() {
        say_aside(&format!("help: {help}"));
    }
}

fn print_json(value: &Value) {
    say(&shown(&format!("{value:#}")));
}

/// JSON whose text shows itself: what is not plain can only stand inside of strings, and is escaped
/// there. The line breaks between values stay.
fn shown(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut buffer = [0; 4];
    for c in json.chars() {
        if c == '\n' || is_plain(c.encode_utf8(&mut buffer)) {
            out.push(c);
        } else {
            for unit in c.encode_utf16(&mut [0; 2]) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

/// A message on one line, cut where it goes on without end: other makers' parsers quote what they do
/// not understand.
fn bounded(message: &str) -> String {
    let mut line: String = message.chars().take(MAX_MESSAGE).collect();
    if line.len() < message.len() {
        line.push_str(" ..");
    }
    one_line(&line)
}

/// A report of the library for `--json`.
pub fn json(report: &impl serde::Serialize) -> Result<Value, Failure> {
    serde_json::to_value(report).map_err(|error| Failure::from_error(Kind::Internal, error))
}

/// A path for `--json`, where text is Unicode: what of a name is none is replaced.
pub fn path(path: impl AsRef<Path>) -> Value {
    path.as_ref().to_string_lossy().into()
}

/// As [`path`], of one that may not be there.
pub fn path_of(path: Option<impl AsRef<Path>>) -> Value {
    path.map_or(Value::Null, self::path)
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
