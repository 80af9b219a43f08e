//! What all errors of this crate have: a kind, and advice.

/// What kind of failure it is: what a caller has to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Kind {
    /// A check came out false: a proof refused, weights that differ.
    Refused,
    /// What was asked for does not fit together.
    Usage,
    /// A file, or another input, is not what it should be.
    Input,
    /// The machine does not have what is needed: a file, a permission, memory, an SRS, a key.
    Environment,
    /// A fault of this program.
    Internal,
    /// The caller stopped the work.
    Cancelled,
}

/// An error of this crate.
pub trait Failure: std::error::Error + Send + Sync + 'static {
    /// What kind of failure it is.
    fn kind(&self) -> Kind;

    /// What to do next, where there is something to say.
    fn help(&self) -> Option<String> {
        None
    }
}

/// The caller stopped the work: [`crate::Observer::is_cancelled`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped by the caller")]
pub struct Cancelled;

impl Failure for Cancelled {
    fn kind(&self) -> Kind {
        Kind::Cancelled
    }
}

/// The messages of an error and its causes, outermost first, without a cause that its parent's text
/// already ends with.
pub fn messages(error: &dyn std::error::Error) -> Vec<String> {
    let mut messages: Vec<String> = Vec::new();
    let mut next = Some(error);
    while let Some(error) = next {
        let text = error.to_string();
        if messages.last().is_none_or(|last| !last.ends_with(&text)) {
            messages.push(text);
        }
        next = error.source();
    }
    messages
}
