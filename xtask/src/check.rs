//! What must hold before a change is worth running tests on.

use std::fs;

use crate::failure::Failure;
use crate::profile::Profile;
use crate::shell::{Run, find_program, flag, say};
use crate::wasm;
use crate::workspace::Workspace;
use crate::{site, tidy};

/// Runs all checks, the quick ones first.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    component(workspace, "fmt", "rustfmt")?;
    component(workspace, "clippy", "clippy")?;
    workspace.cargo().args(["fmt", "--all", "--check"]).advice("Run `cargo fmt --all`.").run()?;
    tidy::run(workspace)?;
    deny(workspace)?;
    site_to_embed(workspace)?;
    workspace.cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]).run()?;
    wasm_lints(workspace)?;
    println!("all checks passed");
    Ok(())
}

/// rustup's minimal profile leaves out both.
fn component(workspace: &Workspace, command: &str, name: &str) -> Result<(), Failure> {
    if workspace.cargo().args([command, "--version"]).output().is_ok() {
        return Ok(());
    }
    if find_program("rustup").is_some() && !flag("MIMEI_OFFLINE") {
        say(format!("adding {name} with rustup"));
        return Run::new("rustup").args(["component", "add", name]).run();
    }
    Err(Failure::new(format!("{name} is missing. Install it: rustup component add {name}")))
}

/// The relay embeds the built site, without which it does not compile. Any state of it will do for
/// lints, so it is only built where there is none.
fn site_to_embed(workspace: &Workspace) -> Result<(), Failure> {
    let built = |name: &str| {
        let entries = fs::read_dir(workspace.root().join(name));
        entries.is_ok_and(|mut entries| entries.next().is_some())
    };
    if built("js-sdk/dist") && built("demo-site/dist") {
        return Ok(());
    }
    say("building the site, which the relay embeds");
    site::run(workspace, Profile::Quick)
}

fn deny(workspace: &Workspace) -> Result<(), Failure> {
    if workspace.cargo().args(["deny", "--version"]).output().is_ok() {
        return workspace.cargo().args(["deny", "check"]).run();
    }
    say("SKIPPED cargo-deny, which is not installed (`cargo install --locked cargo-deny`): \
         licences were checked by tidy, advisories and bans were not");
    Ok(())
}

fn wasm_lints(workspace: &Workspace) -> Result<(), Failure> {
    let toolchain = wasm::choose()?;
    // The profile of `cargo xtask wasm`: both then share build scripts and macros.
    let packages = wasm::MODULES.iter().flat_map(|module| ["-p", module.package]);
    let package: Vec<_> = packages.chain(["--lib", "--profile", Profile::Quick.name()]).collect();
    if toolchain.is_installed() {
        return toolchain.cargo(workspace, "clippy").args(package).args(["--", "-D", "warnings"]).run();
    }
    say("SKIPPED clippy for wasm, which needs rustup's target: compiling only");
    toolchain.cargo(workspace, "check").args(package).run()
}
