//! The identity log against a slow model, its rules one by one, and what the
//! recovery file brings back. `THREATS.md` row 29.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

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
    let entry = revocation(log, log.tips(), by, device, newest_number(log) + 1, accepted);
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

/// The rules as the documents state them, each asked anew for every question.
struct Model {
    entries: BTreeMap<EntryId, Entry>,
    root: SignKey,
}

impl Model {
    fn of(log: &IdentityLog) -> Self {
        let entries = log.entries().into_iter().map(|entry| (id(&entry), entry.body)).collect();
        Self { entries, root: *log.root() }
    }

    fn follows(&self, later: &EntryId, earlier: &EntryId) -> bool {
        self.entries[later].prev().iter().any(|prev| prev == earlier || self.follows(prev, earlier))
    }

    fn depth(&self, entry: &EntryId) -> u64 {
        self.entries[entry].prev().iter().map(|prev| 1 + self.depth(prev)).max().unwrap_or(0)
    }

    /// Devices with the entry that counts: of several made apart the earliest.
    fn devices(&self) -> Vec<(SignKey, EntryId)> {
        let device = |(id, entry): (&EntryId, &Entry)| match entry {
            Entry::Create(e) => Some((e.device.sign, self.depth(id), *id)),
            Entry::AddDevice(e) => Some((e.device.sign, self.depth(id), *id)),
            Entry::RevokeDevice(_) => None,
        };
        let mut all: Vec<_> = self.entries.iter().filter_map(device).collect();
        all.sort();
        all.dedup_by_key(|(key, _, _)| *key);
        all.into_iter().map(|(key, _, id)| (key, id)).collect()
    }

    fn certified_by(&self, device: &SignKey) -> EntryId {
        self.devices().into_iter().find(|(key, _)| key == device).unwrap().1
    }

    fn is_senior(&self, a: &SignKey, b: &SignKey) -> bool {
        let rank = |key| {
            let entry = self.certified_by(key);
            (self.depth(&entry), entry)
        };
        *a == self.root || rank(a) < rank(b)
    }

    /// The earliest revocation of the device that stands, else what ended the device that added it.
    fn ended_by(&self, device: &SignKey) -> Option<EntryId> {
        let named = self.entries.iter().filter(|(id, entry)| match entry {
            Entry::RevokeDevice(e) if e.device != *device => false,
            Entry::RevokeDevice(e) if e.by == *device => true,
            Entry::RevokeDevice(e) => self.is_senior(&e.by, device) && self.stands(id),
            _ => false,
        });
        let first = named.map(|(id, _)| (self.depth(id), *id)).min();
        first.map(|(_, id)| id).or_else(|| {
            let entry = self.certified_by(device);
            if self.stands(&entry) { None } else { self.ended_by(self.entries[&entry].signer()) }
        })
    }

    /// An entry of an ended device stands if its end names it, or if it is a revocation that its end had seen.
    fn stands(&self, id: &EntryId) -> bool {
        let entry = &self.entries[id];
        if *entry.signer() == self.root {
            return true;
        }
        let Some(end) = self.ended_by(entry.signer()) else { return true };
        let Entry::RevokeDevice(revocation) = &self.entries[&end] else { unreachable!("only revocations end devices") };
        let seen = matches!(entry, Entry::RevokeDevice(_)) && self.follows(&end, id);
        end == *id || revocation.accepted.contains(id.cid()) || seen
    }

    fn seal(&self) -> SealGeneration {
        let counts = |(id, entry): (&EntryId, &Entry)| match entry {
            Entry::Create(e) => Some(e.seal.clone()),
            Entry::RevokeDevice(e) => {
                let may = e.by == e.device || self.is_senior(&e.by, &e.device);
                (may && self.stands(id)).then(|| e.seal.clone())
            }
            Entry::AddDevice(_) => None,
        };
        let mut best: Vec<_> = self.entries.iter().filter_map(counts).collect();
        // Stable: among equals the lowest entry id stays first.
        best.sort_by_key(|seal| std::cmp::Reverse(seal.number));
        best.remove(0)
    }

    fn tips(&self) -> Vec<EntryId> {
        let followed: BTreeSet<_> = self.entries.values().flat_map(|entry| entry.prev()).collect();
        self.entries.keys().filter(|id| !followed.contains(id)).copied().collect()
    }

    fn check(&self, log: &IdentityLog) {
        let expected: BTreeMap<_, _> = self.devices().iter().map(|(key, _)| (*key, self.ended_by(key))).collect();
        let found: BTreeMap<_, _> = log.devices().map(|device| (device.keys.sign, device.revoked)).collect();
        assert_eq!(found, expected);
        assert_eq!(log.seal(), &self.seal());
        assert_eq!(log.tips(), self.tips());
        for (device, entry) in self.devices() {
            assert_eq!(log.device(&device).is_some(), expected[&device].is_none());
            let found = log.devices().find(|d| d.keys.sign == device).unwrap();
            assert_eq!((found.entry, found.depth), (entry, self.depth(&entry)));
        }
    }
}

/// One step of a history on several replicas.
#[derive(Clone, Debug)]
struct Step {
    replica: usize,
    actor: prop::sample::Index,
    target: prop::sample::Index,
    kind: u8,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (0usize..3, any::<prop::sample::Index>(), any::<prop::sample::Index>(), 0u8..10);
    let step = step.prop_map(|(replica, actor, target, kind)| Step { replica, actor, target, kind });
    prop::collection::vec(step, 0..14)
}

/// Plays a history; gives the replicas.
fn play(steps: &[Step]) -> Vec<IdentityLog> {
    let (new, log) = identity(1);
    let mut replicas: Vec<_> = (0..3).map(|_| copy(&log)).collect();
    let mut devices = vec![new.device.clone()];
    for step in steps {
        let log = &replicas[step.replica];
        // Whoever this replica knows may act, valid or not; the root acts sometimes.
        let known: Vec<_> = devices.iter().filter(|d| log.devices().any(|k| k.keys.sign == key(d))).cloned().collect();
        let actor = &known[step.actor.index(known.len())];
        let by = if step.actor.index(5) == 0 { new.root.root } else { actor.sign };
        let target = &known[step.target.index(known.len())];
        let entry = match step.kind {
            0..=3 => {
                let added = device(devices.len() as u32);
                devices.push(added.clone());
                addition(log, log.tips(), &by, &added)
            }
            // A device that was certified elsewhere, if there is one.
            4 => match devices.iter().find(|d| !known.iter().any(|k| key(k) == key(d))) {
                Some(elsewhere) => addition(log, log.tips(), &by, elsewhere),
                None => continue,
            },
            5..=7 => {
                let entries = log.entries();
                let named = entries.iter().map(|entry| *id(entry).cid()).filter(|cid| cid.hash()[0] % 3 == 0);
                let accepted = named.take(if step.kind == 7 { 8 } else { 0 }).collect();
                revocation(log, log.tips(), &by, &key(target), newest_number(log) + 1, accepted)
            }
            _ => {
                let other = replicas[(step.replica + 1) % 3].entries();
                join(&mut replicas[step.replica], other);
                continue;
            }
        };
        assert_eq!(replicas[step.replica].insert(entry), Ok(true));
    }
    replicas
}

/// All entries in some order in which each comes after those it follows.
fn some_order(entries: &[Signed<Entry>], choices: &[prop::sample::Index]) -> Vec<Signed<Entry>> {
    let (mut out, mut have): (Vec<Signed<Entry>>, BTreeSet<EntryId>) = Default::default();
    let mut left: Vec<_> = entries.to_vec();
    while !left.is_empty() {
        let ready: Vec<_> = (0..left.len()).filter(|i| left[*i].body.prev().iter().all(|p| have.contains(p))).collect();
        let choice = choices.get(out.len()).map_or(0, |index| index.index(ready.len()));
        let entry = left.remove(ready[choice]);
        have.insert(id(&entry));
        out.push(entry);
    }
    out
}

proptest! {
    #![proptest_config(fixed(200))]

    #[test]
    fn any_history_joined_in_any_order_is_what_the_model_says(
        steps in steps(),
        orders in prop::collection::vec(prop::collection::vec(any::<prop::sample::Index>(), 20), 3),
    ) {
        let replicas = play(&steps);
        for replica in &replicas {
            Model::of(replica).check(replica);
        }
        let mut union = copy(&replicas[0]);
        join(&mut union, replicas[1..].iter().flat_map(IdentityLog::entries));
        let model = Model::of(&union);
        model.check(&union);
        for choices in &orders {
            let joined = IdentityLog::from_entries(some_order(&union.entries(), choices)).unwrap();
            model.check(&joined);
        }
        // What is newer than a replica knows is exactly what brings it there.
        for mut replica in replicas {
            let news = union.entries_after(&replica.tips());
            prop_assert!(news.iter().all(|entry| !replica.contains(&id(entry))));
            join(&mut replica, news);
            model.check(&replica);
        }
    }
}

#[test]
fn the_user_id_is_the_address_of_the_first_entry() {
    let (new, log) = identity(1);
    assert_eq!(log.user().cid(), id(&new.first).cid());
    assert_eq!(log.create().name_tag, secret::name_tag(&new.root.name_secret));
    assert_eq!(log.tips(), [id(&new.first)]);
    assert_eq!(log.seal().number, 1);
    assert!(is_valid(&log, &new.device));
}

#[test]
fn a_first_entry_that_is_forged_or_none_makes_no_log() {
    let (new, mut log) = identity(1);
    let mut forged = new.first.clone();
    forged.sig.0[0] ^= 1;
    assert_eq!(IdentityLog::new(forged).err(), Some(LogError::BadSignature));
    let by_device = secret::sign_entry(&new.device.sign, new.first.body.clone());
    assert_eq!(IdentityLog::new(by_device).err(), Some(LogError::BadSignature));
    add(&mut log, &new.root.root, &device(1));
    assert_eq!(IdentityLog::new(log.entries().remove(1)).err(), Some(LogError::NotThisUser));
    assert_eq!(IdentityLog::from_entries([]).err(), Some(LogError::NotThisUser));
    let second = identity(2).0.first;
    assert_eq!(log.insert(second), Err(LogError::NotThisUser));
}

#[test]
fn an_entry_waits_for_those_it_follows() {
    let (new, mut log) = identity(1);
    let old = copy(&log);
    add(&mut log, &new.root.root, &device(1));
    add(&mut log, &new.root.root, &device(2));
    let entries = log.entries();
    let skipping = IdentityLog::from_entries([entries[0].clone(), entries[2].clone()]);
    assert_eq!(skipping.err(), Some(LogError::UnknownPrev));
    let rootless = addition(&old, vec![], &new.root.root, &device(3));
    assert_eq!(log.insert(rootless), Err(LogError::UnknownPrev));
}

#[test]
fn an_entry_is_taken_once_and_changes_nothing_the_second_time() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.root.root, &device(1));
    for entry in log.entries() {
        assert_eq!(log.insert(entry), Ok(false));
    }
    assert_eq!(log.entries().len(), 2);
}

#[test]
fn an_entry_of_another_users_log_is_refused() {
    let ((new, mut log), (_, other)) = (identity(1), identity(2));
    let mut foreign = addition(&other, log.tips(), &new.root.root, &device(1));
    assert_eq!(log.insert(foreign.clone()), Err(LogError::NotThisUser));
    if let Entry::AddDevice(e) = &mut foreign.body {
        e.user = log.user();
    }
    assert_eq!(log.insert(foreign), Err(LogError::BadSignature), "the signature covers the user");
}

#[test]
fn an_entry_signed_by_nobody_certified_before_it_is_refused() {
    let (new, mut log) = identity(1);
    let by_stranger = addition(&log, log.tips(), &device(9).sign, &device(1));
    assert_eq!(log.insert(by_stranger), Err(LogError::UnknownSigner));
    let before = log.tips();
    add(&mut log, &new.root.root, &device(1));
    // Certified, but not in what the entry follows.
    let early = addition(&log, before, &device(1).sign, &device(2));
    assert_eq!(log.insert(early), Err(LogError::UnknownSigner));
}

#[test]
fn a_changed_entry_is_refused() {
    let (new, mut log) = identity(1);
    let good = addition(&log, log.tips(), &new.root.root, &device(1));
    let mut changed = good.clone();
    if let Entry::AddDevice(e) = &mut changed.body {
        e.time = Millis(99);
    }
    assert_eq!(log.insert(changed), Err(LogError::BadSignature));
    let mut unsigned = good.clone();
    unsigned.sig.0[63] ^= 0x20;
    assert_eq!(log.insert(unsigned), Err(LogError::BadSignature));
    assert_eq!(log.insert(good), Ok(true));
}

#[test]
fn a_device_is_certified_once() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.root.root, &device(1));
    for again in [device(1), new.device.clone()] {
        let entry = addition(&log, log.tips(), &new.root.root, &again);
        assert_eq!(log.insert(entry), Err(LogError::DeviceTwice));
    }
    revoke(&mut log, &new.root.root, &key(&device(1)), vec![]);
    let back = addition(&log, log.tips(), &new.root.root, &device(1));
    assert_eq!(log.insert(back), Err(LogError::DeviceTwice), "a revoked device does not come back");
    let root_as_device = DeviceSecrets { sign: new.root.root, ..device(7).clone() };
    let entry = addition(&log, log.tips(), &new.root.root, &root_as_device);
    assert_eq!(log.insert(entry), Err(LogError::DeviceTwice), "the root is no device");
}

#[test]
fn two_devices_that_certify_one_key_apart_do_not_part_the_replicas() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.root.root, &device(1));
    let by_root = addition(&log, log.tips(), &new.root.root, &device(2));
    let by_device = addition(&log, log.tips(), &device(1).sign, &device(2));
    let joined = |entries: [&Signed<Entry>; 2]| {
        let mut log = copy(&log);
        join(&mut log, entries.map(Signed::clone));
        log
    };
    let (a, b) = (joined([&by_root, &by_device]), joined([&by_device, &by_root]));
    assert_eq!(a.tips(), b.tips(), "the order of arrival decided");
    assert!(is_valid(&a, &device(2)) && is_valid(&b, &device(2)));
}

#[test]
fn seal_numbers_follow_the_newest_that_an_entry_knew() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.root.root, &device(1));
    let before = log.tips();
    let number = |log: &mut IdentityLog, prev: Vec<EntryId>, number: u64| {
        let entry = revocation(log, prev, &new.root.root, &key(&device(1)), number, vec![]);
        log.insert(entry)
    };
    for bad in [0, 1, 3, u64::MAX] {
        assert_eq!(number(&mut log, before.clone(), bad), Err(LogError::BadSealNumber), "{bad}");
    }
    assert_eq!(number(&mut log, before, 2), Ok(true));
    let tips = log.tips();
    assert_eq!(number(&mut log, tips.clone(), 2), Err(LogError::BadSealNumber));
    assert_eq!(number(&mut log, tips, 3), Ok(true));
    assert_eq!(log.seal().number, 3);
}

#[test]
fn a_device_that_was_not_certified_before_cannot_be_revoked() {
    let (new, mut log) = identity(1);
    let unknown = revocation(&log, log.tips(), &new.root.root, &key(&device(1)), 2, vec![]);
    assert_eq!(log.insert(unknown), Err(LogError::UnknownDevice));
    let before = log.tips();
    add(&mut log, &new.root.root, &device(1));
    let early = revocation(&log, before, &new.root.root, &key(&device(1)), 2, vec![]);
    assert_eq!(log.insert(early), Err(LogError::UnknownDevice));
}

#[test]
fn a_junior_cannot_revoke_a_senior_nor_start_a_seal_generation_by_trying() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.device.sign, &device(1));
    add(&mut log, &new.device.sign, &device(2));
    revoke(&mut log, &device(2).sign, &key(&device(1)), vec![]);
    revoke(&mut log, &device(1).sign, &key(&new.device), vec![]);
    assert!(is_valid(&log, &device(1)) && is_valid(&log, &new.device));
    assert_eq!(log.seal().number, 1);
    revoke(&mut log, &device(1).sign, &key(&device(2)), vec![]);
    assert!(!is_valid(&log, &device(2)));
    assert!(log.seal().number > 1);
}

#[test]
fn a_revoked_device_takes_those_it_added_with_it_unless_named() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.device.sign, &device(1));
    add(&mut log, &device(1).sign, &device(2));
    let kept = add(&mut log, &device(1).sign, &device(3));
    add(&mut log, &device(2).sign, &device(4));
    add(&mut log, &device(3).sign, &device(5));
    let end = revoke(&mut log, &new.device.sign, &key(&device(1)), vec![*kept.cid()]);
    for n in [1, 2, 4] {
        assert!(!is_valid(&log, &device(n)), "device {n}");
        let found = log.devices().find(|d| d.keys.sign == key(&device(n))).unwrap();
        assert_eq!(found.revoked, Some(id(&end)));
    }
    for n in [3, 5] {
        assert!(is_valid(&log, &device(n)), "device {n} was named or added by one that was");
    }
    assert_eq!(log.accepted_of(&key(&device(1))), Some(&[*kept.cid()][..]));
    assert_eq!(log.accepted_of(&key(&device(2))), Some(&[][..]), "the end of another names nothing of this one");
    assert_eq!(log.accepted_of(&key(&device(3))), None);
}

#[test]
fn a_device_may_end_itself() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.device.sign, &device(1));
    revoke(&mut log, &device(1).sign, &key(&device(1)), vec![]);
    assert!(!is_valid(&log, &device(1)));
    assert!(is_valid(&log, &new.device));
    assert_eq!(log.seal().number, 2);
}

#[test]
fn a_revoked_device_that_backdates_changes_nothing() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.device.sign, &device(1));
    add(&mut log, &new.device.sign, &device(2));
    let before = log.tips();
    revoke(&mut log, &new.device.sign, &key(&device(1)), vec![]);
    let (devices, seal) = (valid_of(&log), log.seal().clone());
    // As if it had not known of its end: another device, and the end of its junior.
    let friend = addition(&log, before.clone(), &device(1).sign, &device(3));
    let revenge = revocation(&log, before, &device(1).sign, &key(&device(2)), 2, vec![]);
    for backdated in [friend, revenge] {
        assert_eq!(log.insert(backdated), Ok(true), "the entry is kept as proof");
        assert_eq!((valid_of(&log), log.seal()), (devices.clone(), &seal));
    }
}

fn valid_of(log: &IdentityLog) -> Vec<SignKey> {
    log.devices().filter(|d| d.revoked.is_none()).map(|d| d.keys.sign).collect()
}

#[test]
fn a_revocation_that_was_seen_stands_when_its_signer_falls_later() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.device.sign, &device(1));
    add(&mut log, &new.device.sign, &device(2));
    revoke(&mut log, &device(1).sign, &key(&device(2)), vec![]);
    revoke(&mut log, &new.device.sign, &key(&device(1)), vec![]);
    assert!(!is_valid(&log, &device(1)) && !is_valid(&log, &device(2)));
}

#[test]
fn a_log_and_the_entries_it_follows_are_bounded() {
    let (new, mut log) = identity(1);
    let many = addition(&log, vec![log.tips()[0]; LOG_PREV_MAX + 1], &new.root.root, &device(1));
    assert_eq!(log.insert(many), Err(LogError::TooLong));
    let first = log.tips();
    for n in 1..LOG_ENTRIES_MAX as u32 {
        let entry = addition(&log, first.clone(), &new.root.root, &device(n));
        if let Err(error) = log.insert(entry) {
            panic!("entry {n}: {error}");
        }
        if n == 40 {
            break;
        }
    }
    assert_eq!(log.tips().len(), 40);
}

#[test]
fn errors_speak_to_people() {
    assert!(LogError::DeviceTwice.to_string().contains("certified before"));
    assert!(RecoveryError::NotThisUser.to_string().contains("another identity"));
    assert!(OpenError.to_string().contains("another key"));
}

fn recovery(new: &NewIdentity, log: &IdentityLog) -> String {
    write_recovery_file(&new.root, log)
}

fn read(text: &str) -> Result<(RootSecrets, IdentityLog), RecoveryError> {
    read_recovery_file(text)
}

#[test]
fn a_recovery_file_brings_back_secrets_and_log() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.root.root, &device(1));
    let text = recovery(&new, &log);
    assert!(text.starts_with("MiMei recovery file."), "it says what it is");
    let (root, back) = read(&text).unwrap();
    assert!(root == new.root);
    assert_eq!(back.entries(), log.entries());
    // As mail programs and editors leave it.
    assert!(read(&format!("\r\n> hello\r\n  {}", text.replace('\n', "\r\n"))).is_ok());
}

#[test]
fn a_recovery_file_that_was_cut_or_changed_is_refused() {
    let (new, log) = identity(1);
    let text = recovery(&new, &log);
    for end in (0..text.trim_end().len()).step_by(7) {
        assert!(read(&text[..end]).is_err(), "cut at {end}");
    }
    let start = text.find("mimei-recovery-1:").unwrap() + "mimei-recovery-1:".len();
    let mut survivors = vec![];
    for at in (start..text.trim_end().len()).step_by(3) {
        let mut changed = text.clone().into_bytes();
        changed[at] = if changed[at] == b'A' { b'B' } else { b'A' };
        if read(&String::from_utf8(changed).unwrap()).is_ok() {
            survivors.push(at);
        }
    }
    assert!(survivors.is_empty(), "{} changes of {} were not noticed", survivors.len(), (text.len() - start) / 3);
    assert_eq!(read("").err(), Some(RecoveryError::NotARecoveryFile));
    assert_eq!(read("mimei-recovery-1:").err(), Some(RecoveryError::NotARecoveryFile));
    assert_eq!(read("mimei-recovery-2:AAAA").err(), Some(RecoveryError::NotARecoveryFile));
}

#[test]
fn a_recovery_file_with_anothers_secrets_or_a_forged_log_is_refused() {
    let ((a, log_a), (b, _)) = (identity(1), identity(2));
    assert_eq!(read(&write_recovery_file(&b.root, &log_a)).err(), Some(RecoveryError::NotThisUser));
    let mut empty = a.root.clone();
    empty.seals.clear();
    assert_eq!(read(&write_recovery_file(&empty, &log_a)).err(), Some(RecoveryError::NotThisUser));
}

#[test]
fn one_recovery_file_makes_any_number_of_devices() {
    let (new, log) = identity(1);
    let text = recovery(&new, &log);
    let mut union = copy(&log);
    for n in 1..=2u8 {
        // Each place reads the same old file and knows nothing of the other.
        let (root, mut log) = read(&text).unwrap();
        let fresh = DeviceSecrets::generate(&[n; 32]);
        let entry = add_device_from_recovery(&root, &mut log, &fresh, &[n; 32], Millis(2)).unwrap();
        assert!(is_valid(&log, &fresh));
        assert_eq!(union.insert(entry), Ok(true));
    }
    assert_eq!(valid_of(&union).len(), 3);
    assert_eq!(union.tips().len(), 2, "made apart, and no fork");
}

#[test]
fn a_share_opens_for_its_device_only() {
    let (new, mut log) = identity(1);
    let (fresh, other) = (device(1), device(2));
    let entry = add_device_from_recovery(&new.root, &mut log, &fresh, &[1; 32], Millis(2)).unwrap();
    let Entry::AddDevice(added) = &entry.body else { panic!("not an addition") };
    let secret = fresh.open_share(&added.share, 1).unwrap();
    assert!(secret == new.root.seals[0]);
    assert_eq!(secret::seal_key_of(&secret.secret), log.seal().key);
    assert_eq!(other.open_share(&added.share, 1).err(), Some(OpenError));
    assert_eq!(new.device.open_share(&added.share, 1).err(), Some(OpenError));
    let first = log.seal().shares[0].clone();
    assert!(new.device.open_share(&first, 1).is_ok(), "the first device opens its own");
    for at in 0..added.share.sealed.0.len() {
        let mut changed = added.share.clone();
        changed.sealed.0[at] ^= 1;
        assert_eq!(fresh.open_share(&changed, 1).err(), Some(OpenError), "byte {at}");
    }
    for length in [0, 31, 32, 47, added.share.sealed.0.len() - 1] {
        let mut cut = added.share.clone();
        cut.sealed.0.truncate(length);
        assert_eq!(fresh.open_share(&cut, 1).err(), Some(OpenError), "{length} bytes");
    }
}

#[test]
fn sealing_binds_its_purpose_and_never_repeats() {
    let device = device(1);
    let sealed = secret::seal(&device.keys().seal, b"one purpose", b"secret", &[1; 32]);
    assert_eq!(secret::open(&device.seal, b"one purpose", &sealed).as_deref(), Ok(&b"secret"[..]));
    assert_eq!(secret::open(&device.seal, b"another", &sealed), Err(OpenError));
    assert_ne!(sealed, secret::seal(&device.keys().seal, b"one purpose", b"secret", &[2; 32]));
    assert_eq!(secret::seal(&SealKey([0; 32]), b"", b"secret", &[1; 32]), Vec::<u8>::new(), "a key of small order");
}
