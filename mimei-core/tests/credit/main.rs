//! Credit: what is refused, what follows from the records, and that neither side loses more than it agreed to.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

mod amounts;
mod exchange;
mod invites;
mod limits;
mod model;
mod numbers;
mod pool;
mod rules;
mod world;

use proptest::prelude::ProptestConfig;
use proptest::test_runner::RngSeed;

fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(0x63_7265_6474), ..Default::default() }
}
