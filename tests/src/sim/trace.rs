use std::collections::VecDeque;
use std::fmt;

/// Lines kept to be shown when a story fails.
const LINES_MAX: usize = 60;
/// A line is cut for people behind so many characters; its hash covers all of it.
const LINE_CHARS_MAX: usize = 160;

/// What happened, as a hash over all of it and the last lines in clear.
#[derive(Default)]
pub(super) struct Trace {
    hasher: blake3::Hasher,
    last: VecDeque<String>,
}

impl Trace {
    pub(super) fn note(&mut self, now_us: u64, what: fmt::Arguments<'_>) {
        let mut line = format!("{now_us:>10} {what}");
        self.hasher.update(line.as_bytes()).update(b"\n");
        if self.last.len() == LINES_MAX {
            self.last.pop_front();
        }
        if let Some((at, _)) = line.char_indices().nth(LINE_CHARS_MAX) {
            line.truncate(at);
        }
        self.last.push_back(line);
    }

    pub(super) fn hash(&self) -> String {
        self.hasher.finalize().to_hex().to_string()
    }

    pub(super) fn last(&self) -> String {
        self.last.iter().map(|line| format!("{line}\n")).collect()
    }
}
