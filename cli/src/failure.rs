//! Errors of the command: a cause chain, a kind that decides the exit code, and advice.

use nascent::Failure as _;
use std::fmt::Display;

/// What kind of failure it is. The numbers are part of the command's interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A check came out false: a proof refused, weights that differ.
    Refused = 1,
    /// The arguments do not fit together. (The argument parser uses the same number.)
    Usage = 2,
    /// A file is not what it should be.
    Input = 3,
    /// The machine does not have what is needed: a file, a permission, memory, an SRS, a key.
    Environment = 4,
    /// A fault of this program.
    Internal = 5,
    /// Ctrl-C, or another signal to stop: what a shell gives for SIGINT.
    Interrupted = 130,
}

impl Kind {
    /// The exit code.
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The name in `--json` output.
    pub fn name(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Usage => "usage",
            Self::Input => "input",
            Self::Environment => "environment",
            Self::Internal => "internal",
            Self::Interrupted => "interrupted",
        }
    }
}

/// Why a command stopped.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    error: anyhow::Error,
    help: Option<String>,
}

/// Result of a command's steps.
pub type Result<T> = std::result::Result<T, Failure>;

impl Failure {
    /// A failure without a cause of its own.
    pub fn new(kind: Kind, message: impl Display) -> Self {
        Self {
            kind,
            error: anyhow::anyhow!("{message}"),
            help: None,
        }
    }

    /// A failure with a cause chain.
    pub fn from_error(kind: Kind, error: impl Into<anyhow::Error>) -> Self {
        Self {
            kind,
            error: error.into(),
            help: None,
        }
    }

    /// Says what was being done.
    pub fn context(mut self, what: impl Display + Send + Sync + 'static) -> Self {
        self.error = self.error.context(what);
        self
    }

    /// Says what to do next, unless something nearer to the cause already did.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help.get_or_insert_with(|| help.into());
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The messages, outermost first, without a cause that its parent's text already ends with.
    pub fn messages(&self) -> Vec<String> {
        nascent::error::messages(self.error.as_ref())
    }

    /// The advice.
    pub fn advice(&self) -> Option<&str> {
        self.help.as_deref()
    }
}

/// Gives a library's error its kind.
pub trait Classify<T> {
    /// Fails with this kind.
    fn or_fail(self, kind: Kind) -> Result<T>;
}

impl<T, E: Into<anyhow::Error>> Classify<T> for std::result::Result<T, E> {
    fn or_fail(self, kind: Kind) -> Result<T> {
        self.map_err(|error| Failure::from_error(kind, error))
    }
}

/// Adds to a failure that is already classified.
pub trait Explain<T> {
    /// Says what was being done.
    fn doing(self, what: impl Display + Send + Sync + 'static) -> Result<T>;

    /// Says what to do next.
    fn help(self, help: impl Into<String>) -> Result<T>;
}

impl<T> Explain<T> for Result<T> {
    fn doing(self, what: impl Display + Send + Sync + 'static) -> Result<T> {
        self.map_err(|failure| failure.context(what))
    }

    fn help(self, help: impl Into<String>) -> Result<T> {
        self.map_err(|failure| failure.help(help))
    }
}

/// Errors of the file system.
impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::from_error(Kind::Environment, error)
    }
}

impl From<nascent::Kind> for Kind {
    fn from(kind: nascent::Kind) -> Self {
        match kind {
            nascent::Kind::Refused => Self::Refused,
            nascent::Kind::Usage => Self::Usage,
            nascent::Kind::Input => Self::Input,
            nascent::Kind::Environment => Self::Environment,
            nascent::Kind::Cancelled => Self::Interrupted,
            _ => Self::Internal,
        }
    }
}

/// Errors of the library say themselves of which kind they are, and what to do next.
macro_rules! of_library {
    ($($error:ty),* $(,)?) => {
        $(impl From<$error> for Failure {
            fn from(error: $error) -> Self {
                let (kind, help) = (error.kind().into(), error.help());
                let failure = Self::from_error(kind, error);
                match help {
                    Some(help) => failure.help(help),
                    None => failure,
                }
            }
        })*
    };
}

of_library!(
    nascent::answer::AnswerError,
    nascent::answer::ProveError,
    nascent::chain::ChainVerifyError,
    nascent::chain::GatherError,
    nascent::commitment::CommitError,
    nascent::commitment::CommitmentError,
    nascent::derive::DeriveError,
    nascent::derive::WeightsError,
    nascent::evidence::EvidenceError,
    nascent::files::FileError,
    nascent::initialization::InitializationError,
    nascent::initialization::JobError,
    nascent::keys::KeysError,
    nascent::model::ModelError,
    nascent::model::QuantizeError,
    nascent::model::QuantizedError,
    nascent::plan::PlanError,
    nascent::relayout::ProveError,
    nascent::relayout::RelayoutError,
    nascent::srs::SrsError,
);

/// Errors of the compiler: the file system's, or the file's.
impl From<nascent_compiler::CompileError> for Failure {
    fn from(error: nascent_compiler::CompileError) -> Self {
        Self::from_error(nascent::plan::compile_kind(&error).into(), error)
    }
}

/// Errors of the reference string: the file's, or the machine's.
impl From<nascent_params::ParamsError> for Failure {
    fn from(error: nascent_params::ParamsError) -> Self {
        Self::from_error(nascent::srs::params_kind(&error).into(), error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_advice_stays_and_causes_are_not_repeated() {
        let io = std::io::Error::other("disk on fire");
        let failure = Failure::from_error(Kind::Environment, io)
            .help("first")
            .context("reading x: disk on fire")
            .help("second");
        assert_eq!(failure.advice(), Some("first"));
        assert_eq!(failure.messages(), ["reading x: disk on fire"]);
        let failure = failure.context("plan");
        assert_eq!(failure.messages(), ["plan", "reading x: disk on fire"]);
        assert_eq!(failure.kind().code(), 4);
    }
}
