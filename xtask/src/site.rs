//! The SDK and the demo site, which the relay embeds.

use std::fs;
use std::path::PathBuf;

use crate::failure::{Failure, OrFail};
use crate::freshness::{Contents, unless_fresh};
use crate::profile::Profile;
use crate::setup;
use crate::shell::{Run, say};
use crate::wasm;
use crate::workspace::Workspace;

/// Not read by any npm build: crates and what they make. The SDK sees the client's code only
/// through `js-sdk/src/wasm`.
const NOT_READ: [&str; 11] = [
    "mimei-core",
    "client-wasm",
    "relay-node",
    "tests",
    "benches",
    "xtask",
    "Cargo.lock",
    "Cargo.toml",
    ".cargo",
    ".ci",
    ".config",
];

/// Gets the tools, then builds what changed.
pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Result<(), Failure> {
    setup::build_tools(workspace)?;
    build(workspace, profile)
}

/// Builds client, SDK and site, in this order, where something changed.
pub(crate) fn build(workspace: &Workspace, profile: Profile) -> Result<(), Failure> {
    wasm::run(workspace, profile)?;
    npm_build(workspace, "js-sdk", &["demo-site"])?;
    npm_build(workspace, "demo-site", &[])
}

/// The inputs are the whole repository except what is known not to matter: a build that starts
/// to read one more file is then never stale.
fn npm_build(workspace: &Workspace, package: &str, not_read: &[&str]) -> Result<(), Failure> {
    let output = workspace.root().join(package).join("dist");
    let inputs = inputs(workspace, &output, not_read)?;
    unless_fresh(workspace, package, &inputs, std::slice::from_ref(&output), || {
        say(format!("building {package}"));
        workspace
            .npm()
            .args(["run", "build", "-w", package])
            .advice("Read the message above; `cargo xtask setup` gets missing packages.")
            .run()?;
        if output.is_dir() {
            return Ok(());
        }
        Err(Failure::new(format!("`npm run build -w {package}` made no {package}/dist.")))
    })
}

fn inputs(workspace: &Workspace, output: &std::path::Path, not_read: &[&str]) -> Result<String, Failure> {
    let root = workspace.root();
    let node = Run::new("node").arg("--version").output()?;
    let mut except: Vec<PathBuf> = NOT_READ.iter().chain(not_read).map(|name| root.join(name)).collect();
    except.extend([output.to_owned(), workspace.target().to_owned()]);
    except.extend(other_targets(workspace)?);
    // What is installed, which may differ from what the lock file asks for.
    let installed = root.join("node_modules/.package-lock.json");
    Ok(Contents::new().word(node.trim()).path(root, &except)?.path(&installed, &[])?.finish())
}

/// Target directories of other tools, as `.gitignore` names them.
fn other_targets(workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let root = workspace.root();
    let entries = fs::read_dir(root).or_fail(|| format!("read {}", root.display()))?;
    let named = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("target-"));
    Ok(entries.flatten().map(|entry| entry.path()).filter(named).collect())
}
