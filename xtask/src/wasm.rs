//! The browser client: crate `client-wasm` and its JavaScript bindings in `js-sdk/src/wasm`. And the
//! module that only tests use: crate `in-browser`, with bindings beside it.

mod bindings;

use std::path::PathBuf;

use crate::failure::Failure;
use crate::profile::Profile;
use crate::toolchain::{self, Target, Toolchain};
use crate::workspace::Workspace;

/// What the client is built for. rustup's toolchains and Debian's differ in whether they bring a linker for it.
static WASM: Target = Target {
    name: "wasm32-unknown-unknown",
    folder: "wasm",
    force: "MIMEI_WASM",
    packages: &["rustc-web", "cargo-web", "rust-web-src", "lld-19"],
    linkers: &["wasm-ld-19", "wasm-ld", "wasm-ld-20", "wasm-ld-18"],
};

/// A toolchain for wasm.
pub(crate) fn choose() -> Result<Toolchain, Failure> {
    toolchain::choose(&WASM)
}

/// A crate that becomes a wasm module with bindings.
#[derive(Clone, Copy)]
pub(crate) struct Module {
    /// The crate.
    pub(crate) package: &'static str,
    /// What its files are called: `client.js`, `client_bg.wasm`, `client.d.ts`.
    name: &'static str,
    /// Where these end up, below the root.
    folder: &'static str,
}

/// What is shipped.
const CLIENT: Module = Module { package: "client-wasm", name: "client", folder: "js-sdk/src/wasm" };

/// What only tests use.
const FOR_TESTS: Module = Module { package: "in-browser", name: "in_browser", folder: "tests/in-browser/pkg" };

/// Both.
pub(crate) const MODULES: [Module; 2] = [CLIENT, FOR_TESTS];

/// Builds client and bindings.
pub(crate) fn run(workspace: &Workspace, profile: Profile) -> Result<(), Failure> {
    make(workspace, profile, CLIENT)
}

/// Builds the module that only tests use, and its bindings.
pub(crate) fn run_for_tests(workspace: &Workspace) -> Result<(), Failure> {
    make(workspace, Profile::Quick, FOR_TESTS)
}

fn make(workspace: &Workspace, profile: Profile, module: Module) -> Result<(), Failure> {
    let toolchain = choose()?;
    let built = build(workspace, &toolchain, profile, module)?;
    bindings::write(workspace, module, &built)
}

impl Module {
    fn folder(self, workspace: &Workspace) -> PathBuf {
        workspace.root().join(self.folder)
    }
}

/// Where the client's bindings end up.
pub(crate) fn folder(workspace: &Workspace) -> PathBuf {
    CLIENT.folder(workspace)
}

fn build(workspace: &Workspace, toolchain: &Toolchain, profile: Profile, module: Module) -> Result<PathBuf, Failure> {
    let target = toolchain.target_folder(workspace);
    toolchain
        .cargo(workspace, "build")
        .args(["-p", module.package, "--lib", "--profile", profile.name()])
        // Size counts in a download; what must be fast has its own level in Cargo.toml.
        .env(&format!("CARGO_PROFILE_{}_OPT_LEVEL", profile.name().to_uppercase()), "s")
        // Stripping is left to wasm-bindgen, which needs the list of features that it would lose.
        .env(&format!("CARGO_PROFILE_{}_STRIP", profile.name().to_uppercase()), "none")
        .advice("Read the compiler's message above.")
        .run()?;
    let file = format!("{}.wasm", module.package.replace('-', "_"));
    let built = target.join(WASM.name).join(profile.folder()).join(file);
    if built.is_file() {
        return Ok(built);
    }
    Err(Failure::new(format!(
        "{} was not built: the Cargo.toml of {} must name `cdylib` among its crate types.",
        built.display(),
        module.package
    )))
}
