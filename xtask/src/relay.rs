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

/// Builds it as a part of what the Rust tests build, and returns its path. Alone its dependencies would get other
/// features, and the whole WebRTC stack would be built twice.
pub(crate) fn build_with_tests(workspace: &Workspace) -> Result<PathBuf, Failure> {
    workspace
        .cargo()
        .args(["build", "--workspace", "--exclude", "xtask", "--bins", "--tests"])
        .advice("Read the compiler's message above.")
        .run()?;
    Ok(workspace.program("mimei", Profile::Dev))
}
