//! The browser that the browser tests drive.

use std::env;
use std::path::PathBuf;

use crate::apt::{self, System};
use crate::failure::Failure;
use crate::shell::find_program;

/// Names a Chromium by path; wins over all that is found.
const VARIABLE: &str = "CHROMIUM";

/// What distributions and Google call it.
const NAMES: [&str; 4] = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

/// Where macOS keeps it, outside of `PATH`.
const MAC_PATHS: [&str; 2] = [
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
];

/// The path of a Chromium, which is installed if that can be done without asking.
pub(super) fn find_or_install() -> Result<PathBuf, Failure> {
    if let Some(named) = env::var_os(VARIABLE).filter(|value| !value.is_empty()) {
        return named_by_variable(named.into());
    }
    if let Some(found) = find() {
        return Ok(found);
    }
    // Ubuntu's package of this name only installs a snap, which does not run in containers.
    if apt::system() == System::Debian && apt::may_install() {
        apt::install(&["chromium"])?;
    }
    find().ok_or_else(|| {
        Failure::new(format!(
            "no Chromium. Install it (Debian: `apt-get install chromium`) or set {VARIABLE} to its path."
        ))
    })
}

fn named_by_variable(path: PathBuf) -> Result<PathBuf, Failure> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Failure::new(format!("{VARIABLE} names {}, which is not there.", path.display())))
}

fn find() -> Option<PathBuf> {
    let elsewhere = MAC_PATHS.iter().map(PathBuf::from).find(|path| path.is_file());
    NAMES.iter().find_map(|name| find_program(name)).or(elsewhere)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_not_replaced_by_another_browser() {
        let refused = named_by_variable(PathBuf::from("/nowhere/chromium"));
        assert!(refused.expect_err("it is not there").to_string().contains("/nowhere/chromium"));
    }
}
