//! The identity log against a slow model, its rules one by one, and what the
//! recovery file brings back. `THREATS.md` row 29.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

mod model;
mod recovery;
mod rules;

use std::collections::{BTreeMap, BTreeSet};

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, EntryId};
use mimei_core::identity::{AddDevice, Entry, IdentityLog, LogError, RevokeDevice, SealGeneration};
use mimei_core::limits::{LOG_ENTRIES_MAX, LOG_PREV_MAX};
use mimei_core::secret::{
    self, DeviceSecrets, NewIdentity, OpenError, RecoveryError, RootSecrets, SealSecret, add_device_from_recovery,
    read_recovery_file, write_recovery_file,
};
use mimei_core::sign::{SealKey, SignKey, Signed};
use mimei_core::time::Millis;
use proptest::prelude::*;
use proptest::test_runner::RngSeed;

fn fixed(cases: u32) -> ProptestConfig {
    ProptestConfig { cases, failure_persistence: None, rng_seed: RngSeed::Fixed(0x6c6f67), ..Default::default() }
}

fn identity(seed: u8) -> (NewIdentity, IdentityLog) {
    let new = secret::create_identity(&[seed; 32], Millis(1));
    let log = IdentityLog::new(new.first.clone()).unwrap();
    (new, log)
}

fn copy(log: &IdentityLog) -> IdentityLog {
    IdentityLog::from_entries(log.entries()).unwrap()
}

fn join(log: &mut IdentityLog, entries: impl IntoIterator<Item = Signed<Entry>>) {
    for entry in entries {
        log.insert(entry).unwrap();
    }
}

fn device(n: u32) -> DeviceSecrets {
    let mut seed = [0xd0; 32];
    seed[..4].copy_from_slice(&n.to_le_bytes());
    DeviceSecrets::generate(&seed)
}

fn id(entry: &Signed<Entry>) -> EntryId {
    EntryId::of(&entry.to_cbor())
}

fn key(device: &DeviceSecrets) -> SignKey {
    device.keys().sign
}

/// An entry that follows `prev` and adds `device`; its share is not opened by anybody.
fn addition(log: &IdentityLog, prev: Vec<EntryId>, by: &[u8; 32], device: &DeviceSecrets) -> Signed<Entry> {
    let secret = SealSecret { secret: [1; 32], number: 1 };
    let entry = AddDevice {
        by: secret::sign_key_of(by),
        prev,
        time: Millis(0),
        user: log.user(),
        proof: device.consent(secret::sign_key_of(by), log.user()),
        share: secret::seal_share(&secret, &device.keys(), &[2; 32]),
        device: device.keys(),
    };
    secret::sign_entry(by, entry.into())
}

fn revocation(
    log: &IdentityLog,
    prev: Vec<EntryId>,
    by: &[u8; 32],
    device: &SignKey,
    number: u64,
    accepted: Vec<Cid>,
) -> Signed<Entry> {
    // The generation's key tells generations apart; nobody seals to it.
    let seal = SealGeneration { key: SealKey(secret::sign_key_of(by).0), number, shares: vec![] };
    let (by_key, user) = (secret::sign_key_of(by), log.user());
    let entry = RevokeDevice { by: by_key, prev, seal, time: Millis(0), user, device: *device, accepted };
    secret::sign_entry(by, entry.into())
}

fn add(log: &mut IdentityLog, by: &[u8; 32], device: &DeviceSecrets) -> EntryId {
    let entry = addition(log, log.tips(), by, device);
    assert_eq!(log.insert(entry.clone()), Ok(true));
    id(&entry)
}

fn revoke(log: &mut IdentityLog, by: &[u8; 32], device: &SignKey, accepted: Vec<Cid>) -> Signed<Entry> {
    let entry = revocation(log, log.newest(), by, device, newest_number(log) + 1, accepted);
    assert_eq!(log.insert(entry.clone()), Ok(true));
    entry
}

fn newest_number(log: &IdentityLog) -> u64 {
    log.entries().iter().map(number_of).max().unwrap()
}

fn number_of(entry: &Signed<Entry>) -> u64 {
    match &entry.body {
        Entry::Create(e) => e.seal.number,
        Entry::RevokeDevice(e) => e.seal.number,
        Entry::AddDevice(_) => 0,
    }
}

fn is_valid(log: &IdentityLog, device: &DeviceSecrets) -> bool {
    log.device(&key(device)).is_some()
}

fn valid_of(log: &IdentityLog) -> Vec<SignKey> {
    log.devices().filter(|d| d.revoked.is_none()).map(|d| d.keys.sign).collect()
}
