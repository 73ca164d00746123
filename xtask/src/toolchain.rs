//! Which toolchain can build for another target than the host, and getting one if none can.
//!
//! In order: a target that is installed; one that rustup adds; the standard library's sources,
//! built along with what is wanted, as they are or as rustup adds them; Debian's packages with
//! these sources; and last, telling how.

use std::env;
use std::path::{Path, PathBuf};

use crate::apt;
use crate::failure::Failure;
use crate::shell::{Run, find_program, flag, say};
use crate::workspace::Workspace;

/// A target and how its toolchain is got.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Target {
    /// Rust's name of it.
    pub(crate) name: &'static str,
    /// What its target directories begin with.
    pub(crate) folder: &'static str,
    /// The variable that forces one way, for tests of both: `rustup` or `build-std`.
    pub(crate) force: &'static str,
    /// Debian's Rust with the sources of its standard library, and what else that needs.
    pub(crate) packages: &'static [&'static str],
    /// Linkers for toolchains that bring none; empty if whoever builds names one.
    pub(crate) linkers: &'static [&'static str],
}

/// Meant for the host or for the toolchain that runs us, never for another target.
const HOST_ONLY: [&str; 4] = ["RUSTFLAGS", "CARGO_ENCODED_RUSTFLAGS", "CARGO_BUILD_TARGET", "CARGO_TARGET_DIR"];

/// Would pull the toolchain that runs us into the build of another one.
const OWN_TOOLCHAIN: [&str; 6] = ["RUSTUP_TOOLCHAIN", "RUSTC", "RUSTDOC", "CARGO", "RUSTC_WRAPPER", "LD_LIBRARY_PATH"];

/// A toolchain that can build for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Toolchain {
    target: &'static Target,
    /// None: the one that runs us has the target.
    sources: Option<Sources>,
}

/// A toolchain with the standard library's sources.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Sources {
    rustc: PathBuf,
    cargo: PathBuf,
    /// `None` if the toolchain brings one that it finds itself.
    linker: Option<PathBuf>,
}

impl Toolchain {
    /// Whether it is the one that runs us, with all of its parts.
    pub(crate) fn is_installed(&self) -> bool {
        self.sources.is_none()
    }

    /// Its own target directory: the two ways must not overwrite each other's files.
    pub(crate) fn target_folder(&self, workspace: &Workspace) -> PathBuf {
        let way = if self.is_installed() { "rustup" } else { "build-std" };
        workspace.target().join(format!("{}-{way}", self.target.folder))
    }

    /// `cargo <command>` for the target, in its own target directory.
    pub(crate) fn cargo(&self, workspace: &Workspace, command: &str) -> Run {
        let folder = self.target_folder(workspace);
        let run = match &self.sources {
            None => workspace.cargo().arg(command),
            Some(sources) => sources.cargo(workspace, self.target, command),
        };
        run.without(&HOST_ONLY).args(["--target", self.target.name, "--target-dir"]).arg(folder)
    }
}

impl Target {
    /// A variable of cargo's about this target alone.
    pub(crate) fn variable(&self, what: &str) -> String {
        format!("CARGO_TARGET_{}_{what}", self.name.replace('-', "_").to_uppercase())
    }
}

impl Sources {
    fn cargo(&self, workspace: &Workspace, target: &Target, command: &str) -> Run {
        let run = Run::new(&self.cargo)
            .within(workspace.root())
            .without(&OWN_TOOLCHAIN)
            .args([command, std_crates(command)])
            .env("RUSTC", &self.rustc)
            // `-Z` flags are otherwise for nightly; the sources are those of this very compiler.
            .env("RUSTC_BOOTSTRAP", "1");
        match &self.linker {
            Some(linker) => run.env(&target.variable("LINKER"), linker),
            None => run,
        }
    }
}

/// Tests catch what panics; what is shipped ends there.
fn std_crates(command: &str) -> &'static str {
    if command == "test" { "-Zbuild-std=std,panic_unwind,test" } else { "-Zbuild-std=std,panic_abort" }
}

/// Finds a toolchain, or gets one.
pub(crate) fn choose(target: &'static Target) -> Result<Toolchain, Failure> {
    let forced = forced(target.force, env::var(target.force).ok().as_deref())?;
    let mut tried = Tried::default();
    loop {
        match next_step(&Facts::gather(target, forced), tried) {
            Step::Use(sources) => return Ok(Toolchain { target, sources }),
            Step::AddWithRustup => {
                tried.rustup = true;
                say(format!("adding the target {} with rustup", target.name));
                if let Err(failure) = Run::new("rustup").args(["target", "add", target.name]).run() {
                    say(format!("{failure} Looking for another way."));
                }
            }
            Step::AddSourcesWithRustup => {
                tried.sources = true;
                say("adding the sources of the standard library with rustup");
                if let Err(failure) = Run::new("rustup").args(["component", "add", "rust-src"]).run() {
                    say(format!("{failure} Looking for another way."));
                }
            }
            Step::InstallWithApt => {
                tried.apt = true;
                if let Err(failure) = apt::install(target.packages) {
                    say(failure.to_string());
                }
            }
            Step::GiveUp => return Err(Failure::new(how_to_install(target))),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Rustup,
    BuildStd,
}

fn forced(variable: &str, value: Option<&str>) -> Result<Option<Way>, Failure> {
    match value {
        None | Some("") => Ok(None),
        Some("rustup") => Ok(Some(Way::Rustup)),
        Some("build-std") => Ok(Some(Way::BuildStd)),
        Some(other) => {
            Err(Failure::new(format!("{variable}={other} is unknown: leave it out, or say rustup or build-std.")))
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
    fn gather(target: &Target, forced: Option<Way>) -> Self {
        Self {
            forced,
            installed: is_installed(target.name),
            rustup: find_program("rustup").is_some() && !flag("MIMEI_OFFLINE"),
            sources: find_sources(target),
            apt: apt::may_install(),
        }
    }
}

/// What was done already, so that nothing is done twice.
#[derive(Clone, Copy, Default)]
struct Tried {
    rustup: bool,
    sources: bool,
    apt: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Step {
    Use(Option<Sources>),
    AddWithRustup,
    AddSourcesWithRustup,
    InstallWithApt,
    GiveUp,
}

fn next_step(facts: &Facts, tried: Tried) -> Step {
    let compiled = facts.forced != Some(Way::BuildStd);
    let from_sources = facts.forced != Some(Way::Rustup);
    if compiled && facts.installed {
        return Step::Use(None);
    }
    if compiled && facts.rustup && !tried.rustup {
        return Step::AddWithRustup;
    }
    match &facts.sources {
        Some(sources) if from_sources => Step::Use(Some(sources.clone())),
        None if from_sources && facts.rustup && !tried.sources => Step::AddSourcesWithRustup,
        None if from_sources && facts.apt && !tried.apt => Step::InstallWithApt,
        _ => Step::GiveUp,
    }
}

fn own_rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| PathBuf::from("rustc"), PathBuf::from)
}

/// What the toolchain that runs us builds for by itself.
pub(crate) fn host() -> Option<String> {
    host_in(&Run::new(own_rustc()).arg("-vV").output().ok()?)
}

fn host_in(version: &str) -> Option<String> {
    Some(version.lines().find_map(|line| line.strip_prefix("host: "))?.to_owned())
}

/// The path prints even when nothing is there, so the file itself is looked for.
fn is_installed(target: &str) -> bool {
    let printed =
        Run::new(own_rustc()).args(["--print", "target-libdir", "--target", target]).output().unwrap_or_default();
    let Ok(entries) = Path::new(printed.trim()).read_dir() else {
        return false;
    };
    entries.flatten().any(|entry| {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        name.starts_with("libcore-") && name.ends_with(".rlib")
    })
}

fn find_sources(target: &Target) -> Option<Sources> {
    [own_rustc(), PathBuf::from("/usr/bin/rustc")].iter().find_map(|rustc| sources_of(rustc, target))
}

fn sources_of(rustc: &Path, target: &Target) -> Option<Sources> {
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
    let host = host_in(&ask(&["-vV"])?)?;
    let bundled = sysroot.join("lib/rustlib").join(host).join("bin").join("rust-lld");
    let is_found = target.linkers.is_empty() || bundled.is_file();
    let linker = if is_found { None } else { Some(find_linker(target)?) };
    Some(Sources { rustc, cargo, linker })
}

fn find_linker(target: &Target) -> Option<PathBuf> {
    target.linkers.iter().find_map(|name| find_program(name))
}

fn how_to_install(target: &Target) -> String {
    format!(
        "no toolchain here builds for {0}. Install it in one of three ways, then try again:\n  \
         rustup target add {0}\n  \
         rustup component add rust-src\n  \
         apt-get install {1}   (Debian 12 or newer, as root)",
        target.name,
        target.packages.join(" ")
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOTHING: Facts = Facts { forced: None, installed: false, rustup: false, sources: None, apt: false };

    const TARGET: Target =
        Target { name: "a-b-c", folder: "abc", force: "MIMEI_ABC", packages: &["rustc-abc", "ld-abc"], linkers: &[] };

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
        assert_eq!(next_step(&facts, tried), Step::Use(None));
        facts.installed = false;
        assert_eq!(next_step(&facts, tried), Step::AddWithRustup);
        tried.rustup = true;
        assert_eq!(next_step(&facts, tried), Step::Use(Some(sources())));
        facts.sources = None;
        assert_eq!(next_step(&facts, tried), Step::AddSourcesWithRustup);
        tried.sources = true;
        assert_eq!(next_step(&facts, tried), Step::InstallWithApt);
        tried.apt = true;
        assert_eq!(next_step(&facts, tried), Step::GiveUp);
    }

    #[test]
    fn a_machine_with_nothing_is_told_every_way() {
        assert_eq!(next_step(&NOTHING, Tried::default()), Step::GiveUp);
        let told = how_to_install(&TARGET);
        assert!(told.contains("rustup target add a-b-c\n"));
        assert!(told.contains("apt-get install rustc-abc ld-abc "));
    }

    #[test]
    fn forcing_rustup_never_builds_from_sources() {
        let facts = Facts { forced: Some(Way::Rustup), installed: false, ..everything() };
        assert_eq!(next_step(&facts, Tried { rustup: true, ..Tried::default() }), Step::GiveUp);
    }

    #[test]
    fn forcing_build_std_leaves_an_installed_target_alone() {
        let facts = Facts { forced: Some(Way::BuildStd), ..everything() };
        let chosen = next_step(&facts, Tried::default());
        assert_eq!(chosen, Step::Use(Some(sources())));
        let facts = Facts { sources: None, rustup: false, ..facts };
        assert_eq!(next_step(&facts, Tried::default()), Step::InstallWithApt);
    }

    #[test]
    fn what_cargo_reads_about_a_target_bears_its_name() {
        assert_eq!(TARGET.variable("LINKER"), "CARGO_TARGET_A_B_C_LINKER");
    }

    #[test]
    fn a_way_that_does_not_exist_is_refused() {
        assert_eq!(forced("MIMEI_ABC", None).unwrap(), None);
        assert_eq!(forced("MIMEI_ABC", Some("build-std")).unwrap(), Some(Way::BuildStd));
        assert!(forced("MIMEI_ABC", Some("buildstd")).is_err());
    }
}
