//! How far a command is, on the terminal of whoever waits for it.

use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

use super::get::names::printable;

/// Back to the start of the line, and clear it.
const CLEAR_LINE: &str = "\r\x1b[K";

/// A line that is drawn again and again, and gone in the end.
pub(super) struct Progress {
    is_shown: bool,
    drawn: Option<Instant>,
}

impl Progress {
    /// Faster than that nobody reads.
    pub(super) const REDRAW_AFTER: Duration = Duration::from_millis(100);

    /// Shown only to people.
    pub(super) fn new() -> Self {
        Self { is_shown: std::io::stderr().is_terminal(), drawn: None }
    }

    /// Whether anybody sees it.
    pub(super) fn is_shown(&self) -> bool {
        self.is_shown
    }

    /// Says how much of what is done.
    pub(super) fn bytes(&mut self, what: &str, done: u64, total: u64) {
        self.draw(|| {
            // A total from elsewhere may be anything.
            let percent = u128::from(done) * 100 / u128::from(total.max(1));
            format!("{}  {} of {}  {percent} %", printable(what), size(done), size(total))
        });
    }

    /// Says what is being waited for.
    pub(super) fn note(&mut self, what: &str) {
        self.draw(|| what.to_owned());
    }

    fn draw(&mut self, line: impl FnOnce() -> String) {
        if self.is_shown && self.drawn.is_none_or(|drawn| drawn.elapsed() >= Self::REDRAW_AFTER) {
            eprint!("{CLEAR_LINE}{}", line());
            let _ = std::io::stderr().flush();
            self.drawn = Some(Instant::now());
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            eprint!("{CLEAR_LINE}");
        }
    }
}

/// Says something for good, above the line that is being drawn.
pub(super) fn say(what: &str) {
    let start = if std::io::stderr().is_terminal() { CLEAR_LINE } else { "" };
    eprintln!("{start}{what}");
}

/// Bytes for people.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["KiB", "MiB", "GiB", "TiB"];
    if bytes < 1024 {
        return format!("{bytes} B");
    }
    let power = (bytes.ilog2() / 10).min(UNITS.len() as u32);
    let tenths = (u128::from(bytes) * 10) >> (10 * power);
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[power as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_short() {
        let cases = [
            (0, "0 B"),
            (1023, "1023 B"),
            (1024, "1.0 KiB"),
            (1536, "1.5 KiB"),
            (1 << 20, "1.0 MiB"),
            (5 << 40, "5.0 TiB"),
            (u64::MAX, "16777215.9 TiB"),
        ];
        for (bytes, text) in cases {
            assert_eq!(size(bytes), text);
        }
    }
}
