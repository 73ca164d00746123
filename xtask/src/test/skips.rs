//! Tests that could not run: they are named in the last line, and in CI they fail the run.
//!
//! A test that lacks a program appends a line `name: reason` to the file that `MIMEI_SKIPS` names
//! and returns; a test of Node's runner skips itself with a reason.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OrFail};
use crate::shell::say;
use crate::workspace::Workspace;

/// Names the file to which tests append what they skipped.
pub(super) const VARIABLE: &str = "MIMEI_SKIPS";

/// What was skipped so far.
pub(super) struct Skips {
    file: PathBuf,
    lines: Vec<String>,
}

impl Skips {
    /// None yet; forgets those of the run before.
    pub(super) fn new(workspace: &Workspace) -> Result<Self, Failure> {
        let file = workspace.own().join("skips");
        crate::freshness::write(&file, b"")?;
        Ok(Self { file, lines: Vec::new() })
    }

    /// The file for [`VARIABLE`].
    pub(super) fn file(&self) -> &Path {
        &self.file
    }

    /// Notes what was not run, and says so at once.
    pub(super) fn add(&mut self, what: &str, why: &str) {
        say(format!("SKIPPED {what}: {why}"));
        self.lines.push(format!("{what}: {why}"));
    }

    /// Notes what Node's test runner skipped.
    pub(super) fn add_from_tap(&mut self, tap: &str) {
        for (what, why) in skipped_in_tap(tap) {
            self.add(&what, &why);
        }
    }

    /// Prints the last line of a run of the tests that `ran` describes.
    pub(super) fn conclude(mut self, ran: &str, ci: bool) -> Result<(), Failure> {
        let written = fs::read_to_string(&self.file).or_fail(|| format!("read {}", self.file.display()))?;
        self.lines.extend(written.lines().filter(|line| !line.is_empty()).map(str::to_owned));
        match last_line(ran, &self.lines, ci) {
            Ok(line) => println!("{line}"),
            Err(line) => return Err(Failure::new(line)),
        }
        Ok(())
    }
}

/// The last line; an error where nothing may be skipped.
fn last_line(ran: &str, skipped: &[String], ci: bool) -> Result<String, String> {
    let named = skipped.join("; ");
    match (skipped.len(), ci) {
        (0, _) => Ok(format!("{ran} passed, none was skipped")),
        (count, false) => Ok(format!("{ran} passed, but {count} SKIPPED: {named}")),
        (count, true) => Err(format!("tests must not be skipped in CI, {count} SKIPPED: {named}")),
    }
}

/// Lines such as `    ok 3 - a tab opens # SKIP needs a camera`.
fn skipped_in_tap(tap: &str) -> Vec<(String, String)> {
    tap.lines()
        .filter_map(|line| {
            let (result, reason) = line.trim_start().split_once(" # SKIP")?;
            let numbered = result.strip_prefix("ok ")?;
            let name = numbered.split_once(" - ").map_or(numbered, |(_, name)| name);
            let reason = Some(reason.trim()).filter(|why| !why.is_empty());
            Some((name.to_owned(), reason.unwrap_or("no reason given").to_owned()))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn skipped_tests_of_node_are_found_with_their_reason() {
        let tap = "TAP version 13\n# Subtest: a\n    ok 1 - inner # SKIP no camera\n    1..1\n\
                   ok 1 - a\nok 2 - b # SKIP\nnot ok 3 - c\n# skipped 2\n";
        let found = skipped_in_tap(tap);
        let pair = |a: &str, b: &str| (a.to_owned(), b.to_owned());
        assert_eq!(found, [pair("inner", "no camera"), pair("b", "no reason given")]);
    }

    #[test]
    fn a_skip_is_named_in_the_last_line_and_fails_only_in_ci() {
        let skipped = ["browser tests: no Chromium".to_owned()];
        assert!(last_line("all tests", &skipped, false).unwrap().contains("browser tests: no Chromium"));
        assert!(last_line("all tests", &skipped, true).unwrap_err().contains("browser tests: no Chromium"));
        assert!(last_line("all tests", &[], true).is_ok());
    }

    #[test]
    fn what_a_test_wrote_to_the_file_counts() {
        let folder = Scratch::new();
        let skips = Skips::new(&Workspace::at(folder.path())).unwrap();
        fs::write(skips.file(), "redis_clients_agree: needs redis-cli\n").unwrap();
        let failed = skips.conclude("all tests", true).expect_err("a skip fails in CI").to_string();
        assert!(failed.contains("redis_clients_agree: needs redis-cli"), "{failed}");
    }
}
