//! The MiMei relay: a small server that keeps MiMeis online.
//!
//! | module | what it is |
//! |---|---|
//! | [`relay`] | a running relay: all of this put together |
//! | [`config`] | file, environment and flags |
//! | [`amounts`], [`calendar`] | sizes and moments as people write them |
//! | [`control`] | what the owner asks: invites, accounts, what is not served |
//! | [`keys`] | identity and certificate, made at the first start |
//! | [`store`] | rows in redb, blocks in files |
//! | [`driver`] | runs the core's state machine |
//! | [`rtc`] | data channels, all on one UDP port |
//! | [`http`] | signalling, WebSocket, what everyone may read, demo site |
//! | [`cli`] | a person at a terminal: `add`, `get`, `show`, `join`, `wallet` |

pub mod amounts;
pub mod calendar;
pub mod cli;
pub mod config;
pub mod control;
pub mod driver;
pub mod http;
pub mod keys;
pub mod relay;
pub mod rtc;
pub mod store;

/// The unit tests measure what decoders allocate.
#[cfg(test)]
#[global_allocator]
static MEMORY: ::tests::fuzz::memory::Counting = ::tests::fuzz::memory::Counting;
