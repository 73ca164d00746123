//! `cargo xtask <chore>`: one command for each chore of the repository.
//!
//! Every chore prints the commands it runs, and when it cannot go on, a sentence that says what
//! to do about it. One module is one chore; `shell`, `workspace`, `apt`, `toolchain` and `freshness`
//! are what they stand on.

mod apt;
mod bench;
mod check;
mod demo;
mod dist;
mod failure;
mod freshness;
mod profile;
mod relay;
#[cfg(test)]
mod scratch;
mod setup;
mod shell;
mod site;
mod size;
mod soak;
mod test;
mod tidy;
mod toolchain;
mod wasm;
mod workspace;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use failure::Failure;
use profile::Profile;
use workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", about = "One command for each chore of the repository")]
struct Line {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Get what tests and the demo need: wasm target, npm packages, Chromium
    Setup,
    /// Build client-wasm and its bindings into js-sdk/src/wasm
    Wasm {
        /// Optimise as for a published package
        #[arg(long)]
        release: bool,
        /// Build the module that only tests use, into tests/in-browser/pkg
        #[arg(long, conflicts_with = "release")]
        tests: bool,
    },
    /// Build the client, the SDK and the demo site, where something changed
    Site {
        /// Optimise as for a published package
        #[arg(long)]
        release: bool,
    },
    /// Build everything and run a relay that serves the demo site
    Demo {
        /// Port on 127.0.0.1
        #[arg(long, default_value_t = demo::PORT_DEFAULT)]
        port: u16,
        /// Optimise as for a published package
        #[arg(long)]
        release: bool,
        /// Where the relay keeps what it has [default: target/demo]
        #[arg(long)]
        data: Option<PathBuf>,
        /// Build nothing, and run this relay program
        #[arg(long, conflicts_with = "release")]
        program: Option<PathBuf>,
    },
    /// Run all tests, or those whose name contains the filter
    Test {
        /// Part of a test's name
        filter: Option<String>,
    },
    /// Formatting, lints, repository rules, licences
    Check,
    /// The repository rules alone
    Tidy {
        /// Say that the format documents were compared with the code and still hold
        #[arg(long)]
        bless: bool,
    },
    /// Print the sizes of the client and the relay; fails over the client's budget
    Size {
        /// Leave out the relay, whose release build takes minutes
        #[arg(long)]
        client: bool,
    },
    /// Pack the relay for this machine and for every Raspberry Pi into target/dist
    Dist {
        /// host, aarch64, armv7 or armv6 [default: all]
        targets: Vec<String>,
        /// Try each out first: tests of the core and a transfer, where needed in an emulator
        #[arg(long)]
        check: bool,
    },
    /// Run the benchmarks; `bench bulk` is the one in a browser
    Bench {
        /// Passed on to the benchmarks
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        args: Vec<String>,
    },
    /// Run the simulator for a while, or large files through browsers
    Soak {
        /// Replays a run; drawn and printed if not given
        #[arg(long)]
        seed: Option<u64>,
        /// How long
        #[arg(long, default_value_t = soak::MINUTES_DEFAULT)]
        minutes: u32,
        /// Instead, move files of a gigabyte through real browsers
        #[arg(long, conflicts_with_all = ["seed", "minutes"])]
        large: bool,
    },
}

fn main() -> ExitCode {
    match run(Line::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("xtask: {failure}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: Chore) -> Result<(), Failure> {
    let workspace = Workspace::find()?;
    match chore {
        Chore::Setup => setup::run(&workspace),
        Chore::Wasm { tests: true, .. } => wasm::run_for_tests(&workspace),
        Chore::Wasm { release, .. } => wasm::run(&workspace, Profile::from_flag(release)),
        Chore::Site { release } => site::run(&workspace, Profile::from_flag(release)),
        Chore::Demo { port, release, data, program } => {
            demo::run(&workspace, demo::Options { port, profile: Profile::from_flag(release), data, program })
        }
        Chore::Test { filter } => test::run(&workspace, filter.as_deref()),
        Chore::Check => check::run(&workspace),
        Chore::Tidy { bless: true } => tidy::bless(&workspace),
        Chore::Tidy { bless: false } => tidy::run(&workspace),
        Chore::Size { client } => size::run(&workspace, client),
        Chore::Dist { targets, check } => dist::run(&workspace, &targets, check),
        Chore::Bench { args } => bench::run(&workspace, &args),
        Chore::Soak { large: true, .. } => soak::large(&workspace),
        Chore::Soak { seed, minutes, .. } => soak::run(&workspace, seed, minutes),
    }
}
