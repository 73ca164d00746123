//! Genesis, versions, heads and access: what holds for any set of records in any order.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

mod access;
mod access_forks;
mod heads;
mod heads_model;
mod keys;
mod state;
mod vectors;
mod versions;
mod world;
