//! Why a chore stopped. Nothing but a person ever matches on it, so it is one sentence.

use std::fmt;

/// A sentence that says what went wrong and what to do.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// `sentence` ends without a full stop if it names a command, with one otherwise.
    pub(crate) fn new(sentence: impl Into<String>) -> Self {
        Self(sentence.into())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Puts what was being done in front of an error from below.
pub(crate) trait OrFail<T> {
    /// `doing` reads as in "could not {doing}: no such file".
    fn or_fail(self, doing: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> OrFail<T> for Result<T, E> {
    fn or_fail(self, doing: impl FnOnce() -> String) -> Result<T, Failure> {
        // `{:#}` shows the whole chain of errors that carry one.
        self.map_err(|error| Failure(format!("could not {}: {error:#}", doing())))
    }
}
