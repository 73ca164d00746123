//! Which toolchain can build for wasm, and getting one if none can.
//!
//! In order: a target that is installed; one that rustup adds; the standard library's sources,
//! built along with the client; Debian's packages with these sources; and last, telling how.

use std::env;
use std::path::{Path, PathBuf};

use crate::apt;
use crate::failure::Failure;
use crate::shell::{Run, find_program, flag, say};
use crate::workspace::Workspace;

/// What the client is built for.
pub(crate) const TARGET: &str = "wasm32-unknown-unknown";

/// Forces one way, for tests of both: `rustup` or `build-std`.
const FORCE: &str = "MIMEI_WASM";

/// Debian's Rust with the sources of its standard library, and a linker for wasm.
const DEBIAN_PACKAGES: [&str; 4] = ["rustc-web", "cargo-web", "rust-web-src", "lld-19"];

/// Linkers for wasm, when the toolchain brings none.
const LINKERS: [&str; 4] = ["wasm-ld-19", "wasm-ld", "wasm-ld-20", "wasm-ld-18"];

/// Meant for the host or for the toolchain that runs us, never for a wasm build.
const HOST_ONLY: [&str; 4] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"];

/// Would pull the toolchain that runs us into the build of another one.
const OWN_TOOLCHAIN: [&str; 6] = ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO", "RUSTC_WRAPPER", "LD_LIBRARY_PATH"];

/// A toolchain that can build the client.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Toolchain {
    /// The one that runs us has the target.
    Installed,
    /// Another, or the same, with the sources of the standard library.
    BuildStd(Sources),
}

/// A toolchain with the standard library's sources.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources {
    rustc: PathBuf,
    cargo: PathBuf,
    /// `None` if the toolchain brings one that it finds itself.
    linker: Option<PathBuf>,
}

impl Toolchain {
    /// Its own target directory: the two ways must not overwrite each other's files.
    pub(crate) fn target_folder(&self, workspace: &Workspace) -> PathBuf {
        workspace.target().join(match self {
            Self::Installed => "wasm-rustup",
            Self::BuildStd(_) => "wasm-build-std",
        })
    }

    /// `cargo <command>` for wasm, in its own target directory.
    pub(crate) fn cargo(&self, workspace: &Workspace, command: &str) -> Run {
        let folder = self.target_folder(workspace);
        let run = match self {
            Self::Installed => workspace.cargo().arg(command),
            Self::BuildStd(sources) => sources.cargo(workspace, command),
        };
        run.without(&HOST_ONLY).args(["--target", TARGET, "--target-dir"]).arg(folder)
    }
}

impl Sources {
    fn cargo(&self, workspace: &Workspace, command: &str) -> Run {
        let run = Run::new(&self.cargo)
            .within(workspace.root())
            .without(&OWN_TOOLCHAIN)
            .args([command, "-Zbuild-std=std,panic_abort"])
            .env("RUSTC", &self.rustc)
            // `-Z` flags are otherwise for nightly; the sources are those of this very compiler.
            .env("RUSTC_BOOTSTRAP", "1");
        match &self.linker {
            Some(linker) => run.env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker),
            None => run,
        }
    }
}

/// Finds a toolchain, or gets one.
pub(crate) fn choose() -> Result<Toolchain, Failure> {
    let forced = forced(env::var(FORCE).ok().as_deref())?;
    let mut tried = Tried::default();
    loop {
        match next_step(&Facts::gather(forced), tried) {
            Step::Use(toolchain) => return Ok(toolchain),
            Step::AddWithRustup => {
                tried.rustup = true;
                say(format!("adding the target {TARGET} with rustup"));
                if let Err(failure) = Run::new("rustup").args(["target", "add", TARGET]).run() {
                    say(format!("{failure} Looking for another way."));
                }
            }
            Step::InstallWithApt => {
                tried.apt = true;
                if let Err(failure) = apt::install(&DEBIAN_PACKAGES) {
                    say(failure.to_string());
                }
            }
            Step::GiveUp => return Err(Failure::new(how_to_install())),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Rustup,
    BuildStd,
}

fn forced(value: Option<&str>) -> Result<Option<Way>, Failure> {
    match value {
        None | Some("") => Ok(None),
        Some("rustup") => Ok(Some(Way::Rustup)),
        Some("build-std") => Ok(Some(Way::BuildStd)),
        Some(other) => {
            Err(Failure::new(format!("{FORCE}={other} is unknown: leave it out, or say rustup or build-std.")))
        }
    }
}

/// What the choice depends on.
struct Facts {
    forced: Option<Way>,
    installed: bool,
    rustup: bool,
    sources: Option<Sources>,
    apt: bool,
}

impl Facts {
    fn gather(forced: Option<Way>) -> Self {
        Self {
            forced,
            installed: target_is_installed(),
            rustup: find_program("rustup").is_some() && !flag("MIMEI_OFFLINE"),
            sources: find_sources(),
            apt: apt::may_install(),
        }
    }
}

/// What was done already, so that nothing is done twice.
#[derive(Clone, Copy, Default)]
struct Tried {
    rustup: bool,
    apt: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Use(Toolchain),
    AddWithRustup,
    InstallWithApt,
    GiveUp,
}

fn next_step(facts: &Facts, tried: Tried) -> Step {
    let compiled = facts.forced != Some(Way::BuildStd);
    let from_sources = facts.forced != Some(Way::Rustup);
    if compiled && facts.installed {
        return Step::Use(Toolchain::Installed);
    }
    if compiled && facts.rustup && !tried.rustup {
        return Step::AddWithRustup;
    }
    match &facts.sources {
        Some(sources) if from_sources => Step::Use(Toolchain::BuildStd(sources.clone())),
        None if from_sources && facts.apt && !tried.apt => Step::InstallWithApt,
        _ => Step::GiveUp,
    }
}

fn own_rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from)
}

/// The path prints even when nothing is there, so the file itself is looked for.
fn target_is_installed() -> bool {
    let printed =
        Run::new(own_rustc()).args(["--print", "target-libdir", "--target", TARGET]).output().unwrap_or_default();
    let Ok(entries) = Path::new(printed.trim()).read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    })
}

fn find_sources() -> Option<Sources> {
    [own_rustc(), PathBuf::from("/usr/bin/rustc")].iter().find_map(|rustc| sources_of(rustc))
}

fn sources_of(rustc: &Path) -> Option<Sources> {
    let ask = |what: &[&str]| {
        let asked = if rustc.is_absolute() { Run::new(rustc).without(&OWN_TOOLCHAIN) } else { Run::new(rustc) };
        asked.args(what).output().ok()
    };
    let sysroot = PathBuf::from(ask(&["--print", "sysroot"])?.trim());
    let library = sysroot.join("lib/rustlib/src/rust/library/std/Cargo.toml");
    let program = |name: &str| sysroot.join("bin").join(format!("{name}{}", env::consts::EXE_SUFFIX));
    let (rustc, cargo) = (program("rustc"), program("cargo"));
    if !library.is_file() || !rustc.is_file() || !cargo.is_file() {
        return None;
    }
    let host = ask(&["-vV"])?;
    let host = host.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned();
    let bundled = sysroot.join("lib/rustlib").join(host).join("bin").join("rust-lld");
    let linker = if bundled.is_file() { None } else { Some(find_linker()?) };
    Some(Sources { rustc, cargo, linker })
}

fn find_linker() -> Option<PathBuf> {
    LINKERS.iter().find_map(|name| find_program(name))
}

fn how_to_install() -> String {
    format!(
        "no toolchain here builds for {TARGET}. Install it in one of two ways, then try again:\n  \
         rustup target add {TARGET}\n  \
         apt-get install {}   (Debian 12 or newer, as root)",
        DEBIAN_PACKAGES.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Facts = Facts { forced: None, installed: false, rustup: false, sources: None, apt: false };

    fn sources() -> Sources {
        let path = PathBuf::from;
        Sources { rustc: path("/usr/bin/rustc"), cargo: path("/usr/bin/cargo"), linker: None }
    }

    fn everything() -> Facts {
        Facts { forced: None, installed: true, rustup: true, sources: Some(sources()), apt: true }
    }

    #[test]
    fn the_ways_are_tried_in_order() {
        let mut facts = everything();
        let mut tried = Tried::default();
        assert_eq!(next_step(&facts, tried), Step::Use(Toolchain::Installed));
        facts.installed = false;
        assert_eq!(next_step(&facts, tried), Step::AddWithRustup);
        tried.rustup = true;
        assert_eq!(next_step(&facts, tried), Step::Use(Toolchain::BuildStd(sources())));
        facts.sources = None;
        assert_eq!(next_step(&facts, tried), Step::InstallWithApt);
        tried.apt = true;
        assert_eq!(next_step(&facts, tried), Step::GiveUp);
    }

    #[test]
    fn a_machine_with_nothing_is_told_both_ways() {
        assert_eq!(next_step(&NOTHING, Tried::default()), Step::GiveUp);
        let told = how_to_install();
        assert!(told.contains("rustup target add wasm32-unknown-unknown"));
        assert!(told.contains("apt-get install rustc-web cargo-web rust-web-src lld-19"));
    }

    #[test]
    fn forcing_rustup_never_builds_from_sources() {
        let facts = Facts { forced: Some(Way::Rustup), installed: false, ..everything() };
        assert_eq!(next_step(&facts, Tried { rustup: true, apt: false }), Step::GiveUp);
    }

    #[test]
    fn forcing_build_std_leaves_an_installed_target_alone() {
        let facts = Facts { forced: Some(Way::BuildStd), ..everything() };
        let chosen = next_step(&facts, Tried::default());
        assert_eq!(chosen, Step::Use(Toolchain::BuildStd(sources())));
        let facts = Facts { sources: None, ..facts };
        assert_eq!(next_step(&facts, Tried::default()), Step::InstallWithApt);
    }

    #[test]
    fn a_way_that_does_not_exist_is_refused() {
        assert_eq!(forced(None).unwrap(), None);
        assert_eq!(forced(Some("build-std")).unwrap(), Some(Way::BuildStd));
        assert!(forced(Some("buildstd")).is_err());
    }
}
