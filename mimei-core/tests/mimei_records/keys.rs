//! Keys in access records: each audience opens them, nobody else does.

use mimei_core::cbor::Cbor;
use mimei_core::link::LinkSecret;
use mimei_core::mimei::{EPOCHS_MAX, EpochKeys, KeyHistory, KeysError, NewEpoch, open_epoch, open_history};
use mimei_core::seal::{EpochKey, MapSalt};

use crate::world::World;

const AUTHOR_SEAL: [u8; 32] = [11; 32];

fn history(keys: usize) -> KeyHistory {
    let earlier = (0..keys).map(|n| EpochKey::generate(&[n as u8; 32])).collect();
    KeyHistory { salt: MapSalt::from_bytes([3; 32]), earlier }
}

fn sealed(world: &World, link: &LinkSecret, in_clear: bool) -> (EpochKey, EpochKeys) {
    let key = EpochKey::generate(&[42; 32]);
    let to = [mimei_core::secret::seal_key_of(&AUTHOR_SEAL), link.keys().seal, link.keys().seal];
    let epoch = NewEpoch { key: &key, history: &history(2), to: &to, in_clear };
    let keys = epoch.seal(&world.mimei, &[1; 32]).unwrap();
    (key, keys)
}

#[test]
fn each_audience_opens_the_key_and_with_it_the_earlier_ones() {
    let world = World::new(1);
    let link = LinkSecret::generate(&[5; 32]);
    let (key, keys) = sealed(&world, &link, false);
    assert_eq!(keys.sealed.len(), 2, "each seal key once");
    for secret in [AUTHOR_SEAL, link.seal_secret()] {
        assert_eq!(open_epoch(&world.mimei, &keys, &secret), Ok(key.clone()));
    }
    assert_eq!(open_history(&keys, &key), Ok(history(2)));
    assert_eq!(EpochKeys::from_cbor(&keys.to_cbor()), Ok(keys));
}

#[test]
fn nobody_else_opens_them_and_they_serve_one_mimei() {
    let world = World::new(1);
    let link = LinkSecret::generate(&[5; 32]);
    let (key, mut keys) = sealed(&world, &link, false);
    let stranger = LinkSecret::generate(&[6; 32]);
    assert_eq!(open_epoch(&world.mimei, &keys, &stranger.seal_secret()), Err(KeysError::NotForUs));
    let other = mimei_core::cid::MimeiId::of(b"other");
    assert_eq!(open_epoch(&other, &keys, &AUTHOR_SEAL), Err(KeysError::Damaged));
    let wrong = EpochKey::generate(&[43; 32]);
    assert_eq!(open_history(&keys, &wrong), Err(KeysError::Damaged));
    let last = keys.earlier.0.len() - 1;
    keys.earlier.0[last] ^= 1;
    assert_eq!(open_history(&keys, &key), Err(KeysError::Damaged));
    keys.sealed.iter_mut().for_each(|share| share.sealed[40] ^= 1);
    assert_eq!(open_epoch(&world.mimei, &keys, &AUTHOR_SEAL), Err(KeysError::Damaged));
}

#[test]
fn everyone_opens_a_key_in_clear_if_it_is_that_of_the_epoch() {
    let world = World::new(1);
    let link = LinkSecret::generate(&[5; 32]);
    let (key, mut keys) = sealed(&world, &link, true);
    assert_eq!(open_epoch(&world.mimei, &keys, &[99; 32]), Ok(key));
    keys.clear = Some(EpochKey::generate(&[1; 32]));
    assert_eq!(open_epoch(&world.mimei, &keys, &[99; 32]), Err(KeysError::Damaged));
}

#[test]
fn more_earlier_keys_than_a_record_carries_are_refused() {
    let world = World::new(1);
    let key = EpochKey::generate(&[42; 32]);
    let full = history(EPOCHS_MAX);
    let epoch = NewEpoch { key: &key, history: &full, to: &[], in_clear: false };
    assert_eq!(epoch.seal(&world.mimei, &[1; 32]), Err(KeysError::TooMany));
    let most = history(EPOCHS_MAX - 1);
    let epoch = NewEpoch { key: &key, history: &most, to: &[], in_clear: false };
    let keys = epoch.seal(&world.mimei, &[1; 32]).unwrap();
    assert_eq!(open_history(&keys, &key), Ok(most));
}

#[test]
fn a_key_to_which_nobody_has_the_secret_gets_nothing() {
    let world = World::new(1);
    let key = EpochKey::generate(&[42; 32]);
    let zero = [mimei_core::sign::SealKey([0; 32])];
    let epoch = NewEpoch { key: &key, history: &history(0), to: &zero, in_clear: false };
    assert_eq!(epoch.seal(&world.mimei, &[1; 32]).unwrap().sealed, []);
}

#[test]
fn secrets_do_not_show_in_debug_output() {
    let world = World::new(1);
    let link = LinkSecret::from_bytes([0xab; 32]);
    let (_, keys) = sealed(&world, &link, true);
    let key = EpochKey::from_bytes([0xab; 32]);
    let shown = format!("{link:?} {key:?} {:?} {:?}", MapSalt::from_bytes([0xab; 32]), history(1));
    assert!(!shown.contains("171") && !shown.contains("abab"), "{shown}");
    assert!(!format!("{keys:?}").contains(&format!("{:?}", keys.clear.as_ref().unwrap().as_bytes())));
}
