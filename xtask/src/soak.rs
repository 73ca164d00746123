//! The simulator and the fuzzer, for as long as one likes; and files of a gigabyte in real browsers.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::failure::Failure;
use crate::profile::Profile;
use crate::shell::{Run, say};
use crate::workspace::Workspace;
use crate::{relay, setup, site};

/// Long enough for a look, short enough to wait for.
pub(crate) const MINUTES_DEFAULT: u32 = 10;
/// What is promised of memory is promised up to here.
const LARGE_MIB: &str = "1024";

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

/// Moves large files up and down, with interruptions, and prints how fast that was and by how much memory grew.
pub(crate) fn large(workspace: &Workspace) -> Result<(), Failure> {
    setup::build_tools(workspace)?;
    let chromium = setup::test_programs()?;
    site::build(workspace, Profile::Quick)?;
    let mimei = relay::build(workspace, Profile::Quick)?;
    Run::new("node")
        .within(workspace.root())
        .args(["--test", "--test-reporter=spec", "tests/browser/large.test.mjs"])
        .env("MIMEI_LARGE_MIB", LARGE_MIB)
        .env("MIMEI_BIN", mimei)
        .env("CHROMIUM", chromium)
        .run()
}

fn seed_of_the_moment() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
