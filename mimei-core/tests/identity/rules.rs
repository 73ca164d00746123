//! The rules, one by one.

use mimei_core::wire::{Frame, Hello, Message, Reassembler, packets_of};

use super::*;

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
fn a_log_has_so_many_entries_and_no_more() {
    let (new, log) = identity(1);
    let first = log.tips();
    let addition = |n| addition(&log, first.clone(), &new.root.root, &device(n));
    let entries = [new.first.clone()].into_iter().chain((1..LOG_ENTRIES_MAX as u32).map(addition));
    let mut full = IdentityLog::from_entries(entries).unwrap();
    assert_eq!(full.entries().len(), LOG_ENTRIES_MAX);
    assert_eq!(full.insert(addition(LOG_ENTRIES_MAX as u32)), Err(LogError::TooLong));
}

#[test]
fn an_entry_that_follows_too_many_others_is_refused() {
    let (new, mut log) = identity(1);
    let many = addition(&log, vec![log.tips()[0]; LOG_PREV_MAX + 1], &new.root.root, &device(1));
    assert_eq!(log.insert(many), Err(LogError::TooLong));
}

#[test]
fn a_log_however_full_fits_into_one_hello() {
    let (new, mut log) = identity(1);
    add(&mut log, &new.root.root, &device(1));
    let accepted = vec![*log.user().cid(); 5000];
    let last = (2..20).find_map(|number| {
        let entry = revocation(&log, log.tips(), &new.root.root, &key(&device(1)), number, accepted.clone());
        log.insert(entry).err()
    });
    assert_eq!(last, Some(LogError::TooLong));
    let hello = Frame::Message(Message::Hello(Hello { log: log.entries() }));
    let mut reassembler = Reassembler::default();
    let read = packets_of(&hello).iter().try_fold(None, |_, packet| reassembler.push(packet));
    assert_eq!(read, Ok(Some(hello)));
}

#[test]
fn errors_speak_to_people() {
    assert!(LogError::DeviceTwice.to_string().contains("certified before"));
    assert!(RecoveryError::NotThisUser.to_string().contains("another identity"));
    assert!(OpenError.to_string().contains("another key"));
}

#[test]
fn nobody_certifies_a_key_that_did_not_consent() {
    let (new, mut log) = identity(1);
    let thief = device(1);
    add(&mut log, &new.root.root, &thief);
    let victim = device(2);
    let mut forged = addition(&log, log.tips(), &thief.sign, &victim);
    // The victim's consent to be certified by the root says nothing about the thief.
    let Entry::AddDevice(entry) = &mut forged.body else { panic!("an addition") };
    entry.proof = victim.consent(*log.root(), log.user());
    let forged = secret::sign_entry(&thief.sign, forged.body);
    assert_eq!(log.insert(forged), Err(LogError::NoConsent));
}

#[test]
fn a_device_that_fills_the_log_can_still_be_revoked() {
    let (new, mut log) = identity(1);
    let thief = device(0);
    add(&mut log, &new.root.root, &thief);
    let prev = log.tips();
    let additions: Vec<_> =
        (1..LOG_ENTRIES_MAX as u32).map(|n| addition(&log, prev.clone(), &thief.sign, &device(n))).collect();
    assert_eq!(log.extend(additions), Err(LogError::TooLong));
    revoke(&mut log, &new.root.root, &key(&thief), vec![]);
    assert!(!is_valid(&log, &thief));
    assert_eq!(valid_of(&log).len(), 1, "what the thief added falls with it");
}

#[test]
fn a_log_with_very_many_tips_takes_one_more_device() {
    let (new, mut log) = identity(1);
    let prev = log.tips();
    let additions: Vec<_> =
        (0..LOG_PREV_MAX as u32 + 6).map(|n| addition(&log, prev.clone(), &new.root.root, &device(n))).collect();
    log.extend(additions).unwrap();
    assert!(log.tips().len() > LOG_PREV_MAX);
    let phone = device(1000);
    secret::add_device_from_recovery(&new.root, &mut log, &phone, &[3; 32], Millis(9)).unwrap();
    assert!(is_valid(&log, &phone));
}

#[test]
fn the_first_seal_generation_is_number_one() {
    let (new, _) = identity(1);
    let Entry::Create(mut create) = new.first.body else { panic!("a first entry") };
    create.seal.number = u64::MAX;
    let first = secret::sign_entry(&new.root.root, create.into());
    assert_eq!(IdentityLog::new(first).err(), Some(LogError::BadSealNumber));
}
