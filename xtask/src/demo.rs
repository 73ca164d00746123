//! A relay on this machine that serves the demo site.

use crate::failure::Failure;
use crate::profile::Profile;
use crate::relay;
use crate::shell::Run;
use crate::site;
use crate::workspace::Workspace;

/// Where the demo listens unless told otherwise.
pub(crate) const PORT_DEFAULT: u16 = 8080;

/// Builds everything, then becomes the relay, which prints its address.
pub(crate) fn run(workspace: &Workspace, port: u16, profile: Profile) -> Result<(), Failure> {
    site::run(workspace, profile)?;
    let mimei = relay::build(workspace, profile)?;
    Run::new(mimei)
        .within(workspace.root())
        .args(["run", "--data"])
        .arg(workspace.target().join("demo"))
        .arg("--listen")
        .arg(format!("127.0.0.1:{port}"))
        .advice("If the port is taken, choose another with --port.")
        .become_it()
}
