//! The stories of the simulator, and the simulator itself: the same seed is the same world.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use tests::paying;
use tests::scenario::{self, STORIES};
use tests::seeds;
use tests::sharing;

#[test]
fn the_same_seed_gives_the_same_trace_and_another_seed_another() {
    for (name, story) in STORIES {
        let trace = story(1);
        assert_eq!(trace, story(1), "{name}");
        assert_ne!(trace, story(2), "{name}");
    }
}

#[test]
fn unrest_ends_in_a_full_net() {
    seeds::each(0..30, |seed| drop(scenario::unrest_ends_in_a_full_net(seed)));
}

#[test]
fn failing_stores_heal() {
    seeds::each(0..30, |seed| drop(scenario::failing_stores_heal(seed)));
}

#[test]
fn a_revoked_device_stays_out() {
    seeds::each(0..30, |seed| drop(scenario::a_revoked_device_stays_out(seed)));
}

#[test]
fn what_was_pinned_stays_pinned() {
    seeds::each(0..30, |seed| drop(scenario::what_was_pinned_stays_pinned(seed)));
}

#[test]
fn what_was_saved_arrives() {
    seeds::each(0..20, |seed| drop(sharing::what_was_saved_arrives(seed)));
}

#[test]
fn what_is_served_is_signed_for() {
    seeds::each(0..10, |seed| drop(paying::what_is_served_is_signed_for(seed)));
}
