//! What holds wherever the code runs, written once: natively, and in a browser as wasm.
//!
//! | module | what it is |
//! |---|---|
//! | [`store`] | the contract of a store, as cases that any store runs |
//! | [`vectors`] | the shared vectors: read, judged and written again |
#![forbid(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "a case fails by panicking")]

pub mod store;
pub mod vectors;
