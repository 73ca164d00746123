//! The core of MiMei: what a record is, what a session is, and what a peer does.
//!
//! Everything here is pure. There is no IO, no clock, no random generator and
//! no long-term secret in [`peer::Peer`]; a driver (a tab, a relay, the command
//! line) hands in what happens and carries out what comes back. So one machine
//! runs in browsers, on servers and in a simulator that repeats from a seed.
//!
//! | module | what it is |
//! |---|---|
//! | [`cbor`], [`cid`] | strict canonical CBOR and content addresses |
//! | [`address`] | where a relay is |
//! | [`sign`] | domains, keys and the one rule of verification |
//! | [`identity`] | who somebody is: the log of devices |
//! | [`secret`] | what drivers do with secrets; out of the machine's reach |
//! | [`wire`] | packets, frames, messages and the Noise handshake |
//! | [`store`] | tables, blocks and batches: what a driver must keep |
//! | [`map`] | the Merkle map: contents that have one address however they were written |
//! | [`vault`] | the secrets with which a peer reads and writes |
//! | [`peer`] | the state machine |
//! | [`limits`] | every bound, with its reason |
//!
//! ```
//! use mimei_core::{cbor::Cbor, identity::IdentityLog, secret, time::Millis};
//!
//! // A driver draws the seed from its random generator.
//! let new = secret::create_identity(&[7; 32], Millis(0));
//! let log = IdentityLog::new(new.first.clone()).expect("a first entry that we just signed");
//! assert_eq!(log.user().cid(), mimei_core::cid::UserId::of(&new.first.to_cbor()).cid());
//! assert!(log.device(&new.device.keys().sign).is_some());
//! ```
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

pub mod address;
pub mod cbor;
pub mod cid;
pub mod credit;
pub mod identity;
pub mod limits;
pub mod link;
pub mod map;
pub mod mimei;
mod order;
pub mod peer;
mod record;
pub mod seal;
pub mod secret;
mod seeded;
pub mod sign;
pub mod store;
pub mod time;
pub mod vault;
pub mod wire;

pub use seeded::Seed;
