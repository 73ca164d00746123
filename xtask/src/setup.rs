//! Everything a test or a demo needs that cargo does not bring.

mod browser;

use std::fs;
use std::path::PathBuf;

use crate::apt;
use crate::failure::{Failure, OrFail};
use crate::freshness::Contents;
use crate::shell::{Run, find_program, say};
use crate::wasm;
use crate::workspace::Workspace;

/// The oldest Node whose test runner and fetch the packages rely on.
const NODE_MAJOR_MIN: u32 = 20;

/// Gets everything.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    build_tools(workspace)?;
    for browser in [test_programs(), firefox()] {
        match browser {
            Ok(path) => say(format!("browser tests will use {}", path.display())),
            Err(missing) => say(format!("MISSING: {missing}")),
        }
    }
    Ok(())
}

/// What builds need: the wasm target and npm's packages.
pub(crate) fn build_tools(workspace: &Workspace) -> Result<(), Failure> {
    wasm::choose()?;
    node()?;
    npm_packages(workspace)
}

/// What tests need on top: Chromium, whose path is returned, and `ip` for a second network.
pub(crate) fn test_programs() -> Result<PathBuf, Failure> {
    if find_program("ip").is_none() {
        // Tests of a second network say themselves that they are skipped.
        if !(apt::may_install() && apt::install(&["iproute2"]).is_ok()) {
            say("MISSING: `ip`, for tests from a second network; install iproute2");
        }
    }
    browser::CHROMIUM.find_or_install()
}

/// The path of the browser of the tests that are called after it.
pub(crate) fn firefox() -> Result<PathBuf, Failure> {
    browser::FIREFOX.find_or_install()
}

fn node() -> Result<(), Failure> {
    let wanted = format!("Install Node {NODE_MAJOR_MIN} or newer with npm, from nodejs.org.");
    let version = Run::new("node").arg("--version").output();
    let version = version.map_err(|error| Failure::new(format!("{error}. {wanted}")))?;
    if major(&version).is_some_and(|major| major >= NODE_MAJOR_MIN) {
        return Ok(());
    }
    Err(Failure::new(format!("Node {} is too old. {wanted}", version.trim())))
}

fn major(version: &str) -> Option<u32> {
    version.trim().strip_prefix('v')?.split('.').next()?.parse().ok()
}

/// The stamp lies in `node_modules`, so that deleting the folder forgets it too.
fn npm_packages(workspace: &Workspace) -> Result<(), Failure> {
    let stamp = workspace.root().join("node_modules/.xtask-stamp");
    if fs::read_to_string(&stamp).is_ok_and(|found| manifests(workspace).is_ok_and(|m| m == found)) {
        say("node_modules: nothing changed");
        return Ok(());
    }
    let locked = workspace.root().join("package-lock.json").is_file();
    let (command, advice) = if locked {
        ("ci", "If package-lock.json does not match, run `npm install` and commit it.")
    } else {
        ("install", "Check the network and the dependencies in the package.json files.")
    };
    workspace.npm().args([command, "--no-audit", "--no-fund", "--prefer-offline"]).advice(advice).run()?;
    // Taken afterwards: `npm install` writes the lock file.
    fs::create_dir_all(workspace.root().join("node_modules"))
        .and_then(|()| fs::write(&stamp, manifests(workspace).unwrap_or_default()))
        .or_fail(|| format!("write {}", stamp.display()))
}

/// A hash of what decides about the packages.
fn manifests(workspace: &Workspace) -> Result<String, Failure> {
    let root = workspace.root();
    let mut paths = vec![root.join("package-lock.json"), root.join(".npmrc")];
    paths.extend(packages(workspace)?.into_iter().map(|folder| folder.join("package.json")));
    let all = paths.iter().try_fold(Contents::new(), |all, path| all.path(path, &[]))?;
    Ok(all.finish())
}

/// The root and its npm workspaces.
fn packages(workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let manifest = workspace.root().join("package.json");
    let doing = || format!("read {}", manifest.display());
    let text = fs::read_to_string(&manifest).or_fail(doing)?;
    let json: serde_json::Value = serde_json::from_str(&text).or_fail(doing)?;
    let listed = json["workspaces"].as_array().cloned().unwrap_or_default();
    let folders = listed.iter().filter_map(|name| name.as_str());
    let root = workspace.root();
    Ok([root.to_owned()].into_iter().chain(folders.map(|name| root.join(name))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    fn put(folder: &Scratch, name: &str, text: &str) {
        crate::freshness::write(&folder.path().join(name), text.as_bytes()).unwrap();
    }

    #[test]
    fn the_major_version_of_node_is_read() {
        assert_eq!(major("v20.20.2\n"), Some(20));
        assert_eq!(major("20.20.2"), None);
        assert_eq!(major("vnext"), None);
    }

    #[test]
    fn a_changed_manifest_of_any_package_asks_for_an_install() {
        let folder = Scratch::new();
        let workspace = Workspace::at(folder.path());
        put(&folder, "package.json", r#"{"workspaces": ["a"]}"#);
        put(&folder, "a/package.json", "{}");
        let before = manifests(&workspace).unwrap();
        put(&folder, "a/other.json", "{}");
        assert_eq!(manifests(&workspace).unwrap(), before);
        put(&folder, "a/package.json", r#"{"dependencies": {}}"#);
        assert_ne!(manifests(&workspace).unwrap(), before);
    }
}
