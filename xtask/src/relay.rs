//! The relay program, with the site of the moment embedded.

use std::path::PathBuf;

use crate::failure::Failure;
use crate::profile::Profile;
use crate::workspace::Workspace;

/// Builds it and returns its path. The site must have been built.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<PathBuf, Failure> {
    workspace
        .cargo()
        .args(["build", "-p", "relay-node", "--bin", "mimei", "--profile", profile.name()])
        .advice("Read the compiler's message above.")
        .run()?;
    Ok(workspace.program("mimei", profile))
}
