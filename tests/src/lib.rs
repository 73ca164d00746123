//! Peers tested without a network: a simulator that repeats from one seed, and
//! hands that speak the wire protocol without a peer.
//!
//! | module | what it is |
//! |---|---|
//! | [`random`] | the one source of chance |
//! | [`people`] | users, their devices and logs |
//! | [`sim`] | many peers, stores that lose what was not made durable, links that fail |
//! | [`solo`] | one peer on a bench, its jobs carried out or held back |
//! | [`stranger`] | a hand that shakes by itself and then may say anything |
//! | [`scenario`] | stories that hold for every seed; also what the soak runs |
//! | [`seeds`] | runs a story over seeds and names the one that failed |
//! | [`fuzz`] | hostile bytes for every decoder |
//! | [`small_disk`] | a disk that is soon full |
//! | [`vectors`] | records and messages as bytes, for every implementation |
#![deny(unsafe_code)]

pub mod caller;
pub mod desk;
pub mod fuzz;
pub mod paying;
pub mod people;
pub mod random;
pub mod scenario;
pub mod seeds;
pub mod sharing;
pub mod sim;
pub mod small_disk;
pub mod solo;
pub mod stranger;
pub mod vectors;
