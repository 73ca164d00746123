//! Hostile bytes for every decoder of the core, for a moment; `cargo xtask soak` goes on for longer.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use std::time::Duration;

use tests::fuzz::{self, TARGETS, memory};
use tests::seeds;

#[global_allocator]
static MEMORY: memory::Counting = memory::Counting;

/// What one target gets here.
const INPUTS: u64 = 20_000;
const TIME: Duration = Duration::from_millis(1500);

fn fuzz(name: &str) {
    let target = TARGETS.iter().find(|target| target.name == name).unwrap();
    let report = fuzz::run(target, seeds::only_seed().unwrap_or(0), INPUTS, TIME);
    println!("{name}: {report:?}");
    assert!(report.read > 0, "{name}: nothing of the corpus was read");
    assert!(report.outcomes > 2, "{name}: {report:?}");
}

macro_rules! each {
    ($($test:ident: $name:literal;)*) => {
        $(
            #[test]
            fn $test() {
                fuzz($name);
            }
        )*

        #[test]
        fn every_target_is_run() {
            let run = [$($name),*];
            assert!(TARGETS.iter().map(|target| target.name).eq(run), "a target that no test names");
        }
    };
}

each! {
    cbor: "cbor";
    typed_cbor: "typed cbor";
    messages: "message";
    tickets: "ticket";
    wanted_blocks: "wanted blocks";
    fetched_blocks: "fetched blocks";
    frames: "frames";
    handshakes: "handshake";
    proofs: "proof";
    map_nodes: "map node";
    map_values: "map value";
    blocks: "block";
    identity_entries: "identity entry";
    identity_logs: "identity log";
    mimei_records: "mimei records";
    credit_records: "credit records";
    links: "link";
    relay_addresses: "relay address";
    invites: "invite";
    recovery_files: "recovery file";
    recovery_contents: "recovery contents";
}

#[test]
fn memory_is_measured() {
    let (_, peak) = memory::peak_of(|| vec![0_u8; 5000]);
    assert!((5000..6000).contains(&peak), "{peak}");
}
