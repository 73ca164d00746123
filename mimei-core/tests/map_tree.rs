//! The Merkle map against slow models: `reference` makes the tree straight from
//! the text of the format, a `BTreeMap` says what every operation must give.

// The helpers of a test are tests too.
#![allow(clippy::unwrap_used)]

#[path = "map/diffs.rs"]
mod diffs;
#[path = "map/edits.rs"]
mod edits;
#[path = "map/ground.rs"]
mod ground;
#[path = "map/holes.rs"]
mod holes;
#[path = "map/hostile.rs"]
mod hostile;
#[path = "map/merges.rs"]
mod merges;
#[path = "map/reads.rs"]
mod reads;
#[path = "map/reference.rs"]
mod reference;
#[path = "map/store.rs"]
mod store;
#[path = "map/vectors.rs"]
mod vectors;
#[path = "map/world.rs"]
mod world;
