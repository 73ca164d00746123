//! Installing packages, only as root on Debian and its relatives, and never without saying so.

use std::fs;

use crate::failure::Failure;
use crate::shell::{Run, find_program, flag, say};

/// What kind of system this is, as far as apt goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum System {
    Debian,
    /// Ubuntu and others, whose `chromium` package is only a door to snap.
    DebianLike,
    Other,
}

/// Reads `/etc/os-release`.
pub(crate) fn system() -> System {
    fs::read_to_string("/etc/os-release").map_or(System::Other, |text| system_of(&text))
}

/// Whether packages can be installed here without asking anyone.
pub(crate) fn may_install() -> bool {
    system() != System::Other && !flag("MIMEI_OFFLINE") && find_program("apt-get").is_some() && is_root()
}

/// Installs packages; package lists are only fetched when those at hand do not do.
pub(crate) fn install(packages: &[&str]) -> Result<(), Failure> {
    say(format!("installing {} as root, since it is missing here", packages.join(", ")));
    if try_install(packages).is_ok() {
        return Ok(());
    }
    apt_get().arg("update").advice("Check the network or /etc/apt/sources.list.").run()?;
    try_install(packages)
}

fn try_install(packages: &[&str]) -> Result<(), Failure> {
    apt_get().args(["install", "-y", "--no-install-recommends"]).args(packages).run()
}

fn apt_get() -> Run {
    // Another apt may be at work on a machine that has just started.
    Run::new("apt-get").args(["-q", "-o", "DPkg::Lock::Timeout=120"]).env("DEBIAN_FRONTEND", "noninteractive")
}

fn is_root() -> bool {
    Run::new("id").arg("-u").output().is_ok_and(|id| id.trim() == "0")
}

fn system_of(os_release: &str) -> System {
    let words = |name: &str| -> Vec<String> {
        let line = os_release.lines().find_map(|line| line.strip_prefix(name));
        let value = line.unwrap_or_default().trim_matches(['"', '\'']);
        value.split_whitespace().map(str::to_owned).collect()
    };
    if words("ID=") == ["debian"] {
        System::Debian
    } else if words("ID_LIKE=").iter().any(|like| like == "debian") {
        System::DebianLike
    } else {
        System::Other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn debian_and_its_relatives_are_told_apart() {
        assert_eq!(system_of("NAME=\"Debian\"\nID=debian\n"), System::Debian);
        assert_eq!(system_of("ID=ubuntu\nID_LIKE=debian\n"), System::DebianLike);
        assert_eq!(system_of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), System::DebianLike);
    }

    #[test]
    fn a_system_without_apt_is_other() {
        assert_eq!(system_of("ID=fedora\nID_LIKE=\"rhel\"\nVERSION_ID=debian\n"), System::Other);
        assert_eq!(system_of(""), System::Other);
    }
}
