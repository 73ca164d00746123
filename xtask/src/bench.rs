//! The benchmarks.

use crate::failure::Failure;
use crate::workspace::Workspace;

/// Runs them with release optimisation.
pub(crate) fn run(workspace: &Workspace, args: &[String]) -> Result<(), Failure> {
    workspace.cargo().args(["run", "--release", "-p", "benches", "--"]).args(args).run()
}
