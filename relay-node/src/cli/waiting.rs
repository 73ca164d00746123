//! Commands that wait until the relay's owner gives more credit: what they say, and that they say it once.

use std::sync::{Mutex, MutexGuard, PoisonError};

use super::progress;

/// What is waited for by all commands of one program together.
#[derive(Default)]
pub(super) struct Waiting(Mutex<State>);

#[derive(Default)]
struct State {
    commands: usize,
    said: Option<String>,
}

/// One command that waits, until it is dropped.
pub(super) struct Turn<'a>(&'a Waiting);

impl Waiting {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One more command waits.
    pub(super) fn begin(&self) -> Turn<'_> {
        self.state().commands += 1;
        Turn(self)
    }

    /// Whether a person was not told this since somebody began to wait.
    fn is_news(&self, why: &str) -> bool {
        let known = self.state().said.replace(why.to_owned());
        known.as_deref() != Some(why)
    }
}

impl Turn<'_> {
    /// Says why.
    pub(super) fn say(&self, why: &str) {
        if self.0.is_news(why) {
            progress::say(&format!("paused: {why}"));
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.commands -= 1;
        if state.commands == 0 {
            state.said = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_several_wait_for_is_said_once_until_all_went_on() {
        let waiting = Waiting::default();
        let (first, second) = (waiting.begin(), waiting.begin());
        assert!(waiting.is_news("used up") && !waiting.is_news("used up"));
        drop(first);
        assert!(!waiting.is_news("used up"), "the other still waits");
        assert!(waiting.is_news("ended"), "something else");
        drop(second);
        let _again = waiting.begin();
        assert!(waiting.is_news("ended"));
    }
}
