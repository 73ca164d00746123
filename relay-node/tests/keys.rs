//! A relay's keys: made once, kept private, never shared by two machines.

use std::os::unix::fs::PermissionsExt;

use mimei_core::time::Millis;
use relay_node::keys::{Keys, KeysError};

#[test]
fn the_second_start_finds_what_the_first_made() {
    let directory = tempfile::tempdir().unwrap();
    let first = Keys::load_or_create(directory.path(), Millis(1)).unwrap();
    let second = Keys::load_or_create(directory.path(), Millis(2)).unwrap();
    assert_eq!(first.log.user(), second.log.user());
    assert_eq!(first.device.keys(), second.device.keys());
    assert_eq!(first.certificate.fingerprint(), second.certificate.fingerprint());
}

#[test]
fn only_the_owner_may_read_them() {
    let directory = tempfile::tempdir().unwrap();
    Keys::load_or_create(directory.path(), Millis(1)).unwrap();
    let files: Vec<_> = std::fs::read_dir(directory.path()).unwrap().map(|entry| entry.unwrap()).collect();
    assert_eq!(files.len(), 3);
    for file in files {
        assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{:?}", file.path());
    }
}

#[test]
fn a_copy_without_the_device_key_becomes_a_new_device_of_the_same_relay() {
    let directory = tempfile::tempdir().unwrap();
    let first = Keys::load_or_create(directory.path(), Millis(1)).unwrap();
    std::fs::remove_file(directory.path().join("device.key")).unwrap();
    let restored = Keys::load_or_create(directory.path(), Millis(2)).unwrap();
    assert_eq!(first.log.user(), restored.log.user());
    assert_ne!(first.device.keys(), restored.device.keys());
    assert!(restored.log.device(&first.device.keys().sign).is_some());
    assert!(restored.log.device(&restored.device.keys().sign).is_some());
}

#[test]
fn a_damaged_key_is_named_and_never_replaced() {
    let directory = tempfile::tempdir().unwrap();
    Keys::load_or_create(directory.path(), Millis(1)).unwrap();
    let file = directory.path().join("identity.recovery");
    std::fs::write(&file, "mimei-recovery-1:AAAA\n").unwrap();
    let error = Keys::load_or_create(directory.path(), Millis(2)).err().unwrap();
    assert!(matches!(&error, KeysError::Damaged(path, _) if *path == file), "{error}");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mimei-recovery-1:AAAA\n");
}

#[test]
fn a_relay_that_lost_its_identity_file_says_so_and_does_not_become_somebody_else() {
    let directory = tempfile::tempdir().unwrap();
    Keys::load_or_create(directory.path(), Millis(1)).unwrap();
    let device = std::fs::read(directory.path().join("device.key")).unwrap();
    std::fs::remove_file(directory.path().join("identity.recovery")).unwrap();
    let error = Keys::load_or_create(directory.path(), Millis(2)).err().unwrap();
    assert!(error.to_string().contains("identity.recovery"), "{error}");
    assert_eq!(std::fs::read(directory.path().join("device.key")).unwrap(), device);
}
