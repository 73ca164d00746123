//! The browser client: crate `client-wasm` and its JavaScript bindings in `js-sdk/src/wasm`.

mod bindings;
mod target;

use std::path::PathBuf;

use crate::failure::Failure;
use crate::profile::Profile;
use crate::workspace::Workspace;

pub(crate) use target::{TARGET, Toolchain, choose};

/// The crate that becomes the client.
pub(crate) const CRATE: &str = "client-wasm";

/// Builds client and bindings.
pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Result<(), Failure> {
    let toolchain = choose()?;
    let module = build(workspace, &toolchain, profile)?;
    bindings::write(workspace, &module)
}

/// Where the bindings end up.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    workspace.root().join("js-sdk/src/wasm")
}

fn build(workspace: &Workspace, toolchain: &Toolchain, profile: Profile) -> Result<PathBuf, Failure> {
    let target = toolchain.target_folder(workspace);
    toolchain
        .cargo(workspace, "build")
        .args(["-p", CRATE, "--lib", "--profile", profile.name()])
        // Size counts in a download; what must be fast has its own level in Cargo.toml.
        .env(&format!("CARGO_PROFILE_{}_OPT_LEVEL", profile.name().to_uppercase()), "s")
        // Stripping is left to wasm-bindgen, which needs the list of features that it would lose.
        .env(&format!("CARGO_PROFILE_{}_STRIP", profile.name().to_uppercase()), "none")
        .advice("Read the compiler's message above.")
        .run()?;
    let file = format!("{}.wasm", CRATE.replace('-', "_"));
    let module = target.join(TARGET).join(profile.folder()).join(file);
    if module.is_file() {
        return Ok(module);
    }
    Err(Failure::new(format!(
        "{} was not built: {CRATE}/Cargo.toml must say `crate-type = [\"cdylib\", \"rlib\"]`.",
        module.display()
    )))
}
