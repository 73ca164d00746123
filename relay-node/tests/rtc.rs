//! The endpoint over real sockets on loopback, against itself and against hand-made packets.

#![allow(clippy::unwrap_used, reason = "a failed unwrap fails the test")]

#[path = "rtc/channels.rs"]
mod channels;
#[path = "rtc/harness.rs"]
mod harness;
#[path = "rtc/hostile.rs"]
mod hostile;
#[path = "rtc/messages.rs"]
mod messages;
#[path = "rtc/peers.rs"]
mod peers;
