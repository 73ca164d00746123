//! For which machines the relay is built, with what, and what runs it here.

use std::ffi::OsString;
use std::path::Path;
use std::sync::LazyLock;

use crate::apt;
use crate::failure::Failure;
use crate::shell::{Run, find_program};
use crate::toolchain::{self, Target};

/// Debian's Rust with its sources; the linker is the compiler for C of each target.
const RUST_PACKAGES: &[&str] = &["rustc-web", "cargo-web", "rust-web-src"];
/// Forces how the standard library is got.
const FORCE: &str = "MIMEI_DIST";
/// Debian's package of what runs programs of other machines.
const QEMU_PACKAGE: &str = "qemu-user";

/// A kind of machine.
pub(super) struct Board {
    /// Rust's name of the target.
    pub(super) name: &'static str,
    /// What it may be called on the command line.
    short: &'static str,
    /// How Rust for it is got; nothing to get for the machine that builds.
    pub(super) target: Target,
    cross: Option<Cross>,
}

/// What is needed on a machine of another kind.
struct Cross {
    /// A compiler for C, which links too.
    compiler: &'static str,
    /// Debian's packages with it and with the C library.
    packages: &'static [&'static str],
    /// For the linker and the compiler, on top of the defaults.
    rustflags: Option<&'static str>,
    /// Runs programs of that machine, with its arguments.
    qemu: &'static [&'static str],
}

const fn target(name: &'static str) -> Target {
    Target { name, folder: "dist", force: FORCE, packages: RUST_PACKAGES, linkers: &[] }
}

static BOARDS: LazyLock<[Board; 4]> = LazyLock::new(|| {
    [
        Board { name: host(), short: "host", target: target(host()), cross: None },
        Board {
            name: "aarch64-unknown-linux-gnu",
            short: "aarch64",
            target: target("aarch64-unknown-linux-gnu"),
            cross: Some(Cross {
                compiler: "aarch64-linux-gnu-gcc",
                packages: &["gcc-aarch64-linux-gnu", "libc6-dev-arm64-cross"],
                rustflags: None,
                qemu: &["qemu-aarch64", "-L", "/usr/aarch64-linux-gnu"],
            }),
        },
        Board {
            name: "armv7-unknown-linux-gnueabihf",
            short: "armv7",
            target: target("armv7-unknown-linux-gnueabihf"),
            cross: Some(Cross {
                compiler: "arm-linux-gnueabihf-gcc",
                packages: &["gcc-arm-linux-gnueabihf", "libc6-dev-armhf-cross"],
                rustflags: None,
                qemu: &["qemu-arm", "-cpu", "cortex-a7", "-L", "/usr/arm-linux-gnueabihf"],
            }),
        },
        Board {
            name: "arm-unknown-linux-gnueabi",
            short: "armv6",
            target: target("arm-unknown-linux-gnueabi"),
            cross: Some(Cross {
                compiler: "arm-linux-gnueabi-gcc",
                packages: &["gcc-arm-linux-gnueabi", "libc6-dev-armel-cross"],
                // The C library of Debian's armhf is for ARMv7, that of armel is rarely installed.
                rustflags: Some("-C target-feature=+crt-static"),
                // The processor of the first Raspberry Pi and of the Pi Zero.
                qemu: &["qemu-arm", "-cpu", "arm1176"],
            }),
        },
    ]
});

impl Board {
    /// Whether it is the kind of machine that builds.
    pub(super) fn is_host(&self) -> bool {
        self.name == host()
    }

    /// Has cargo, and what it runs to compile C, use the right compiler.
    pub(super) fn with_compiler(&self, cargo: Run) -> Run {
        let Some(cross) = &self.cross else { return cargo };
        let cargo = cargo
            .env(&format!("CC_{}", self.name.replace('-', "_")), cross.compiler)
            .env(&self.target.variable("LINKER"), cross.compiler);
        match cross.rustflags {
            Some(flags) => cargo.env(&self.target.variable("RUSTFLAGS"), flags),
            None => cargo,
        }
    }

    /// What stands in front of a program to run it here.
    pub(super) fn runner(&self) -> Vec<OsString> {
        let cross = self.cross.as_ref().filter(|_| !self.is_host());
        cross.map_or_else(Vec::new, |cross| cross.qemu.iter().map(OsString::from).collect())
    }

    /// A command that runs a program of that machine here.
    pub(super) fn words(&self, program: &Path) -> Vec<OsString> {
        let mut words = self.runner();
        words.push(program.into());
        words
    }
}

/// Those that are named, in the order of the list; all if none is.
pub(super) fn chosen(wanted: &[String]) -> Result<Vec<&'static Board>, Failure> {
    let is = |board: &Board, name: &String| name == board.name || name == board.short;
    if let Some(unknown) = wanted.iter().find(|name| !BOARDS.iter().any(|board| is(board, name))) {
        let known: Vec<_> = BOARDS.iter().map(|board| format!("{} ({})", board.short, board.name)).collect();
        return Err(Failure::new(format!("{unknown} is not among the targets: {}.", known.join(", "))));
    }
    let is_wanted = |board: &&Board| wanted.is_empty() || wanted.iter().any(|name| is(board, name));
    // Without one that is the host under its own name.
    let is_first =
        |board: &&Board| board.cross.is_none() || !board.is_host() || wanted.iter().any(|n| *n == board.short);
    Ok(BOARDS.iter().filter(is_wanted).filter(is_first).collect())
}

/// Gets the compiler of a board, and what runs its programs if they will be run.
pub(super) fn get_programs(board: &Board, to_run: bool) -> Result<(), Failure> {
    let Some(cross) = board.cross.as_ref().filter(|_| !board.is_host()) else { return Ok(()) };
    get(cross.compiler, cross.packages)?;
    match cross.qemu.first() {
        Some(qemu) if to_run => get(qemu, &[QEMU_PACKAGE]),
        _ => Ok(()),
    }
}

fn get(program: &str, packages: &[&str]) -> Result<(), Failure> {
    if find_program(program).is_some() {
        return Ok(());
    }
    if apt::may_install() {
        return apt::install(packages);
    }
    Err(Failure::new(format!(
        "`{program}` is missing. On Debian it is in {}; elsewhere your system's packages may have it.",
        packages.join(" and ")
    )))
}

/// The kind of machine that this is.
fn host() -> &'static str {
    static HOST: LazyLock<String> = LazyLock::new(|| toolchain::host().unwrap_or_else(|| "host".to_owned()));
    &HOST
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(wanted: &[&str]) -> Vec<&'static str> {
        let wanted: Vec<_> = wanted.iter().map(|name| (*name).to_owned()).collect();
        chosen(&wanted).unwrap().iter().map(|board| board.short).collect()
    }

    #[test]
    fn a_target_is_named_short_or_in_full() {
        assert_eq!(names(&["armv6"]), ["armv6"]);
        assert_eq!(names(&["arm-unknown-linux-gnueabi", "host"]), ["host", "armv6"]);
        assert!(names(&[]).contains(&"armv7"));
    }

    #[test]
    fn an_unknown_target_is_refused_with_those_that_are_known() {
        let failure = chosen(&["armv5".to_owned()]).err().unwrap().to_string();
        assert!(failure.starts_with("armv5 ") && failure.contains("armv6 (arm-unknown-linux-gnueabi)"), "{failure}");
    }

    #[test]
    fn only_other_machines_need_something_in_front_of_a_program() {
        let words = |short: &str| chosen(&[short.to_owned()]).unwrap()[0].words(Path::new("mimei"));
        assert_eq!(words("host"), ["mimei"]);
        assert_eq!(words("armv6"), ["qemu-arm", "-cpu", "arm1176", "mimei"]);
    }
}
