//! The benchmarks.

use crate::failure::Failure;
use crate::profile::Profile;
use crate::shell::Run;
use crate::workspace::Workspace;
use crate::{relay, setup, site};

/// The one for which a browser is needed.
const BULK: &str = "bulk";

/// Runs them with release optimisation.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    match args.split_first() {
        Some((name, args)) if name == BULK => bulk(workspace, args),
        _ => workspace.cargo().args(["run", "--release", "-p", "benches", "--"]).args(args).run(),
    }
}

fn bulk(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    setup::build_tools(workspace)?;
    let chromium = setup::test_programs()?;
    site::build(workspace, Profile::Release)?;
    let mimei = relay::build(workspace, Profile::Release)?;
    workspace.cargo().args(["build", "--release", "-p", "benches", "--bin", "bare-channel"]).run()?;
    Run::new("node")
        .within(workspace.root())
        .arg("benches/browser/bulk.mjs")
        .args(args)
        .env("MIMEI_BIN", mimei)
        .env("MIMEI_BARE_CHANNEL", workspace.program("bare-channel", Profile::Release))
        .env("CHROMIUM", chromium)
        .run()
}
