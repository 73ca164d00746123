//! Runs a story over seeds and names the one that failed.

use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

/// The variable that names the only seed to run.
pub const SEED: &str = "MIMEI_SEED";

/// Runs `story` for every seed, or for the one that [`SEED`] names.
///
/// # Panics
/// As the story does, after printing how to run that seed alone.
pub fn each(seeds: Range<u64>, story: impl Fn(u64)) {
    match only_seed() {
        Some(seed) => story(seed),
        None => seeds.for_each(|seed| run(seed, &story)),
    }
}

/// The seed that [`SEED`] names, if it is set.
///
/// # Panics
/// If it is not a number.
pub fn only_seed() -> Option<u64> {
    std::env::var(SEED).ok().map(|text| text.parse().expect("MIMEI_SEED is a number"))
}

fn run(seed: u64, story: &impl Fn(u64)) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| story(seed))) {
        eprintln!("failed with seed {seed}; run it alone with {SEED}={seed}");
        resume_unwind(panic);
    }
}
