//! What the recovery file brings back, and shares of the seal key.

use super::*;

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
