//! The simulator and the fuzzer, for as long as one likes.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::failure::Failure;
use crate::shell::say;
use crate::workspace::Workspace;

/// Long enough for a look, short enough to wait for.
pub(crate) const MINUTES_DEFAULT: u32 = 10;

/// Runs both from one seed.
pub(crate) fn run(workspace: &Workspace, seed: Option<u64>, minutes: u32) -> Result<(), Failure> {
    let seed = seed.unwrap_or_else(seed_of_the_moment);
    let again = format!("cargo xtask soak --seed {seed} --minutes {minutes}");
    say(format!("seed {seed}; the same run again: {again}"));
    workspace
        .cargo()
        .args(["run", "--profile", "soak", "-p", "tests", "--bin", "soak", "--"])
        .args(["--seed", &seed.to_string(), "--minutes", &minutes.to_string()])
        .advice(format!("The same run again: `{again}`"))
        .run()
}

fn seed_of_the_moment() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
