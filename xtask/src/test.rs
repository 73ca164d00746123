//! All tests, in the order in which their failures explain each other.

mod skips;

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OrFail};
use crate::profile::Profile;
use crate::shell::{Run, flag, say};
use crate::workspace::Workspace;
use crate::{relay, setup, site, wasm};
use skips::Skips;

/// Longer than any browser test file may take; a hung browser ends here.
const BROWSER_FILE_MS_MAX: u32 = 600_000;
/// They wait for networks that are away, and alone leave half of two processors idle.
const BROWSER_FILES_AT_ONCE: usize = 2;

/// Runs everything, or what `filter` names among the Rust and browser tests.
pub(crate) fn run(workspace: &Workspace, filter: Option<&str>) -> Result<(), Failure> {
    let mut skips = Skips::new(workspace)?;
    setup::build_tools(workspace)?;
    let chromium = setup::test_programs();
    site::build(workspace, Profile::Quick)?;
    wasm::run_for_tests(workspace)?;
    let mimei = relay::build_with_tests(workspace)?;
    rust_tests(workspace, filter, &mimei, &skips)?;
    if filter.is_none() {
        doctests(workspace)?;
        package_tests(workspace, &mimei, &skips)?;
    }
    match chromium {
        Ok(chromium) => browser_tests(workspace, filter, &mimei, &chromium, &mut skips)?,
        Err(missing) => skips.add("browser tests", &missing.to_string()),
    }
    let ran = filter.map_or("all tests".to_owned(), |name| format!("tests named `…{name}…`"));
    skips.conclude(&ran, flag("CI"))
}

/// xtask is tested apart: together with the others its dependencies would get other features, and
/// be built a second time.
fn rust_tests(workspace: &Workspace, filter: Option<&str>, mimei: &Path, skips: &Skips) -> Result<(), Failure> {
    let nextest = workspace.cargo().args(["nextest", "--version"]).output().is_ok();
    if !nextest {
        say("cargo-nextest is missing: using `cargo test`, which is slower and has no time limits");
    }
    for packages in [&["--workspace", "--exclude", "xtask"][..], &["--package", "xtask"]] {
        let run = if nextest {
            nextest_run(workspace, packages, filter.is_some())
        } else {
            let run = workspace.cargo().arg("test").args(packages);
            // Doctests have a step of their own.
            run.args(["--bins", "--tests"])
        };
        run.args(filter).env("MIMEI_BIN", mimei).env(skips::VARIABLE, skips.file()).run()?;
    }
    Ok(())
}

fn nextest_run(workspace: &Workspace, packages: &[&str], filtered: bool) -> Run {
    let profile = if flag("CI") { "ci" } else { "default" };
    let run = workspace.cargo().args(["nextest", "run", "--profile", profile]).args(packages);
    // With a filter the match may be among other tests.
    if filtered { run.arg("--no-tests=pass") } else { run }
}

fn doctests(workspace: &Workspace) -> Result<(), Failure> {
    // All of them, for the same features as above: only the core has any.
    workspace.cargo().args(["test", "--doc", "--workspace", "--exclude", "xtask"]).run()
}

fn package_tests(workspace: &Workspace, mimei: &Path, skips: &Skips) -> Result<(), Failure> {
    workspace.npm().args(["run", "check", "--workspaces", "--if-present"]).run()?;
    workspace
        .npm()
        .args(["test", "-w", "js-sdk", "--if-present"])
        .env("MIMEI_BIN", mimei)
        .env(skips::VARIABLE, skips.file())
        .run()
}

fn browser_tests(
    workspace: &Workspace,
    filter: Option<&str>,
    mimei: &Path,
    chromium: &Path,
    skips: &mut Skips,
) -> Result<(), Failure> {
    let mut files = browser_files(workspace)?;
    let firefox = setup::firefox().unwrap_or_else(|missing| {
        skips.add("tests in Firefox", &missing.to_string());
        files.retain(|file| !is_for_firefox(file));
        PathBuf::new()
    });
    if files.is_empty() {
        say("there are no browser tests (tests/browser/*.test.mjs)");
        return Ok(());
    }
    let tap = workspace.own().join("browser.tap");
    let ran = node_test(&tap)
        .within(workspace.root())
        .arg(format!("--test-concurrency={BROWSER_FILES_AT_ONCE}"))
        .args(filter.map(|name| format!("--test-name-pattern={name}")))
        .args(files)
        .env("MIMEI_BIN", mimei)
        .env("CHROMIUM", chromium)
        .env("MIMEI_XTASK", std::env::current_exe().or_fail(|| "find this program".to_owned())?)
        .env("FIREFOX", firefox)
        .env(skips::VARIABLE, skips.file())
        .run();
    if filter.is_none() {
        skips.add_from_tap(&fs::read_to_string(&tap).unwrap_or_default());
    }
    ran
}

/// For people on the screen; and as TAP in a file, where skipped tests are looked up.
fn node_test(tap: &Path) -> Run {
    let timeout = format!("--test-timeout={BROWSER_FILE_MS_MAX}");
    Run::new("node")
        .args(["--test", &timeout])
        .args(["--test-reporter=spec", "--test-reporter-destination=stdout"])
        .arg("--test-reporter=tap")
        .arg(format!("--test-reporter-destination={}", tap.display()))
}

fn is_for_firefox(file: &Path) -> bool {
    file.file_name().is_some_and(|name| name.to_string_lossy().starts_with("firefox"))
}

/// Named one by one: what Node makes of a folder differs between its versions.
fn browser_files(workspace: &Workspace) -> Result<Vec<PathBuf>, Failure> {
    let folder = workspace.root().join("tests/browser");
    if !folder.is_dir() {
        return Ok(Vec::new());
    }
    let entries = fs::read_dir(&folder).or_fail(|| format!("read {}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name());
    let mut files: Vec<PathBuf> = names
        .filter(|name| name.to_string_lossy().ends_with(".test.mjs"))
        .map(|name| Path::new("tests/browser").join(name))
        .collect();
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_firefox_only_its_own_tests_are_left_out() {
        assert!(is_for_firefox(Path::new("tests/browser/firefox-tabs.test.mjs")));
        assert!(!is_for_firefox(Path::new("tests/browser/tabs.test.mjs")));
    }
}
