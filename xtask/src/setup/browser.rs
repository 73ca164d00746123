//! The browsers that the browser tests drive.

use std::env;
use std::path::PathBuf;

use crate::apt::{self, System};
use crate::failure::Failure;
use crate::shell::find_program;

/// A browser, and where it is found.
pub(super) struct Browser {
    name: &'static str,
    /// Names one by path; wins over all that is found.
    variable: &'static str,
    /// What distributions and makers call it.
    programs: &'static [&'static str],
    /// Where macOS keeps it, outside of `PATH`.
    mac_paths: &'static [&'static str],
    /// Debian's package. Ubuntu's of this name only installs a snap, which does not run in containers.
    package: &'static str,
}

pub(super) const CHROMIUM: Browser = Browser {
    name: "Chromium",
    variable: "CHROMIUM",
    programs: &["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"],
    mac_paths: &[
        "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
        "/Applications/Chromium.app/Contents/MacOS/Chromium",
    ],
    package: "chromium",
};

pub(super) const FIREFOX: Browser = Browser {
    name: "Firefox",
    variable: "FIREFOX",
    programs: &["firefox-esr", "firefox"],
    mac_paths: &["/Applications/Firefox.app/Contents/MacOS/firefox"],
    package: "firefox-esr",
};

impl Browser {
    /// Its path; it is installed if that can be done without asking.
    pub(super) fn find_or_install(&self) -> Result<PathBuf, Failure> {
        if let Some(named) = env::var_os(self.variable).filter(|value| !value.is_empty()) {
            return self.named_by_variable(named.into());
        }
        if let Some(found) = self.find() {
            return Ok(found);
        }
        if apt::system() == System::Debian && apt::may_install() {
            apt::install(&[self.package])?;
        }
        let Self { name, variable, package, .. } = self;
        self.find().ok_or_else(|| {
            Failure::new(format!(
                "no {name}. Install it (Debian: `apt-get install {package}`) or set {variable} to its path."
            ))
        })
    }

    fn named_by_variable(&self, path: PathBuf) -> Result<PathBuf, Failure> {
        if path.is_file() {
            return Ok(path);
        }
        Err(Failure::new(format!("{} names {}, which is not there.", self.variable, path.display())))
    }

    fn find(&self) -> Option<PathBuf> {
        let elsewhere = self.mac_paths.iter().map(PathBuf::from).find(|path| path.is_file());
        self.programs.iter().find_map(|name| find_program(name)).or(elsewhere)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_is_not_there_is_not_replaced_by_another_browser() {
        for browser in [CHROMIUM, FIREFOX] {
            let refused = browser.named_by_variable(PathBuf::from("/nowhere/browser")).expect_err("it is not there");
            let said = refused.to_string();
            assert!(said.contains("/nowhere/browser") && said.contains(browser.variable), "{said}");
        }
    }
}
