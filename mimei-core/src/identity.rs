//! Who somebody is: a log of signed entries whose first entry's address is the
//! user id, for life.
//!
//! The log is the union of all valid entries: devices added apart from each
//! other are no fork. Entries form a graph by `prev`; the *depth* of an entry is
//! one more than the deepest of its `prev`. A device is *senior* to another if
//! its entry is less deep, then if the entry's id is lower.
//!
//! Stops: a stolen device adding others for ever (revoking it takes what it
//! added), a junior device throwing out a senior one, a revoked device
//! backdating (only what the revocation names of it stands).

mod entry;
mod log;

pub use entry::{AddDevice, Create, DeviceConsent, DeviceKeys, Entry, RevokeDevice, SealGeneration, SealShare};
pub use log::{Device, IdentityLog, LogError};
