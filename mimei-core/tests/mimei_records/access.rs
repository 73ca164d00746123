//! One access chain without forks: what a record may say and who may sign it.

use mimei_core::cbor::Cbor;
use mimei_core::link::LinkSecret;
use mimei_core::mimei::{AccessChain, AccessError, AccessRecord, Audience, Everyone, Right, Rights, SignerError, Who};
use mimei_core::sign::Signed;
use mimei_core::time::Millis;

use crate::world::{EDITOR, NOW, RULER, World};

const AUTHOR: (usize, usize) = (0, 0);
const BOB: (usize, usize) = (1, 0);

fn chain(world: &World) -> AccessChain {
    AccessChain::new(&world.genesis)
}

fn refused(world: &World, chain: &mut AccessChain, signed: Signed<AccessRecord>) -> AccessError {
    let before = chain.len();
    let error = chain.insert(signed, &world.logs).expect_err("refused");
    assert_eq!(chain.len(), before);
    error
}

#[test]
fn the_implied_record_gives_the_author_everything_and_nobody_else_anything() {
    let world = World::new(2);
    let view = chain(&world).view(&world.logs);
    assert_eq!(view.rights_of(&world.user(0), NOW), Rights::ALL);
    assert_eq!(view.rights_of(&world.user(1), NOW), Rights::NONE);
    assert_eq!(view.everyone(NOW), Rights::NONE);
    assert_eq!(view.newest_id(), None);
}

#[test]
fn rights_add_up_and_end_by_date() {
    let mut world = World::new(2);
    let mut chain = chain(&world);
    let everyone = Audience::new(Who::Everyone(Everyone {}), Rights::READER);
    let until = Millis(NOW.0 + 10);
    let bob = Audience { until: Some(until), ..world.user_audience(1, Rights::of(&[Right::Save])) };
    world.set(&mut chain, AUTHOR, vec![bob, everyone]);
    let view = chain.view(&world.logs);
    assert_eq!(view.rights_of(&world.user(1), NOW), Rights::of(&[Right::Read, Right::Save]));
    assert_eq!(view.rights_of(&world.user(1), until), Rights::READER);
    assert_eq!(view.everyone(NOW), Rights::READER);
}

#[test]
fn a_link_gives_its_rights_to_whoever_proves_it() {
    let mut world = World::new(2);
    let mut chain = chain(&world);
    let link = LinkSecret::generate(&[5; 32]);
    let mut change = world.change(vec![Audience::new(Who::Link(link.keys()), EDITOR)]);
    let without = chain.view(&world.logs).next_record(world.by(AUTHOR), change.clone());
    let without = world.sign_access(AUTHOR, without);
    assert_eq!(refused(&world, &mut chain, without), AccessError::Form("a link that may read has no key"));
    change.keys = Some(world.fresh_keys(false, std::slice::from_ref(&link)));
    let id = world.set_all(&mut chain, AUTHOR, change);
    let view = chain.view(&world.logs);
    assert_eq!(view.rights_of_link(&link.keys().sign, NOW), EDITOR);
    assert_eq!(view.rights_of_signer(&world.by_link(BOB, &link, id), NOW), EDITOR);
    assert_eq!(view.rights_of_signer(&world.by(BOB), NOW), Rights::NONE);
    let other = LinkSecret::generate(&[6; 32]);
    assert_eq!(view.rights_of_link(&other.keys().sign, NOW), Rights::NONE);
}

#[test]
fn without_set_rights_a_record_is_refused() {
    let mut world = World::new(3);
    let mut chain = chain(&world);
    let stranger = world.record_after(BOB, None, Vec::new());
    assert_eq!(refused(&world, &mut chain, stranger), AccessError::NotAllowed);
    let first = world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    let all = vec![world.user_audience(1, RULER)];
    let editor = world.record_after(BOB, Some((&chain, first)), all);
    assert_eq!(refused(&world, &mut chain, editor), AccessError::NotAllowed);
}

#[test]
fn nobody_takes_rights_from_a_senior() {
    let mut world = World::new(4);
    let mut chain = chain(&world);
    let bob = world.user_audience(1, RULER);
    let carol = world.user_audience(2, RULER);
    world.set(&mut chain, AUTHOR, vec![bob.clone()]);
    let second = world.set(&mut chain, AUTHOR, vec![bob.clone(), carol.clone()]);
    let without_bob = world.record_after((2, 0), Some((&chain, second)), vec![carol.clone()]);
    assert_eq!(refused(&world, &mut chain, without_bob), AccessError::AgainstSenior);
    let less = vec![world.user_audience(1, Rights::of(&[Right::Read, Right::SetRights])), carol.clone()];
    let less_for_bob = world.record_after((2, 0), Some((&chain, second)), less);
    assert_eq!(refused(&world, &mut chain, less_for_bob), AccessError::AgainstSenior);
    let without_carol = world.record_after(BOB, Some((&chain, second)), vec![bob]);
    assert_eq!(chain.insert(without_carol, &world.logs), Ok(true));
    assert!(!chain.view(&world.logs).may_set_rights(&world.user(2)));
}

#[test]
fn who_gets_set_rights_back_is_junior_to_who_kept_them() {
    let mut world = World::new(3);
    let mut chain = chain(&world);
    let (bob, carol) = (world.user_audience(1, RULER), world.user_audience(2, RULER));
    world.set(&mut chain, AUTHOR, vec![bob.clone()]);
    world.set(&mut chain, AUTHOR, vec![bob.clone(), carol.clone()]);
    world.set(&mut chain, AUTHOR, vec![carol.clone()]);
    let back = world.set(&mut chain, AUTHOR, vec![bob.clone(), carol]);
    let without_carol = world.record_after(BOB, Some((&chain, back)), vec![bob]);
    assert_eq!(refused(&world, &mut chain, without_carol), AccessError::AgainstSenior);
}

#[test]
fn who_stops_reading_must_not_have_the_key_that_follows() {
    let mut world = World::new(3);
    let mut chain = chain(&world);
    let first = world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    let keys = chain.get(&first).unwrap().body.keys.clone();
    let mut same = world.record_after(AUTHOR, Some((&chain, first)), Vec::new()).body;
    same.keys = keys;
    let same = world.sign_access(AUTHOR, same);
    assert_eq!(refused(&world, &mut chain, same), AccessError::SameEpoch);
    let everyone = Audience::new(Who::Everyone(Everyone {}), Rights::READER);
    let mut dropped = world.record_after(AUTHOR, Some((&chain, first)), vec![everyone]).body;
    dropped.keys = None;
    let dropped = world.sign_access(AUTHOR, dropped);
    assert_eq!(refused(&world, &mut chain, dropped), AccessError::KeysDropped);
}

#[test]
fn records_out_of_form_are_refused() {
    let mut world = World::new(3);
    let mut chain = chain(&world);
    let good = world.record_after(AUTHOR, None, vec![world.user_audience(1, EDITOR)]).body;
    let everyone = Audience::new(Who::Everyone(Everyone {}), RULER);
    let until = Audience { until: Some(NOW), ..world.user_audience(1, RULER) };
    let twice = vec![world.user_audience(1, EDITOR), world.user_audience(1, Rights::READER)];
    for audiences in [
        vec![everyone],
        vec![until],
        twice,
        vec![world.user_audience(0, EDITOR)],
        vec![world.user_audience(1, Rights::NONE)],
    ] {
        let signed = world.sign_access(AUTHOR, AccessRecord { audiences, ..good.clone() });
        assert!(matches!(refused(&world, &mut chain, signed), AccessError::Form(_)));
    }
    let mut other = good.clone();
    other.seq = 2;
    let signed = world.sign_access(AUTHOR, other);
    assert_eq!(refused(&world, &mut chain, signed), AccessError::BadSeq);
    let unknown = AccessRecord { keys: None, ..good.clone() };
    let signed = world.sign_access(AUTHOR, unknown);
    assert!(matches!(refused(&world, &mut chain, signed), AccessError::Form(_)));
    let mut forged = world.sign_access(AUTHOR, good);
    forged.sig.0[5] ^= 1;
    assert_eq!(refused(&world, &mut chain, forged), AccessError::Signer(SignerError::BadSignature));
}

#[test]
fn a_log_older_than_the_record_is_refused_until_it_is_there() {
    let mut world = World::new(1);
    let mut chain = chain(&world);
    let record = world.record_after(AUTHOR, None, Vec::new());
    let full = world.logs.remove(&world.user(0)).unwrap();
    assert_eq!(
        refused(&world, &mut chain, record.clone()),
        AccessError::Signer(SignerError::UnknownUser(world.user(0)))
    );
    let old = mimei_core::identity::IdentityLog::new(world.people[0].root.first.clone()).unwrap();
    world.logs.insert(world.user(0), old);
    assert_eq!(refused(&world, &mut chain, record.clone()), AccessError::Signer(SignerError::LogTooOld(world.user(0))));
    world.logs.insert(world.user(0), full);
    assert_eq!(chain.insert(record, &world.logs), Ok(true));
}

#[test]
fn a_chain_is_handed_on_in_an_order_that_can_be_taken() {
    let mut world = World::new(2);
    let mut ours = chain(&world);
    for _ in 0..5 {
        world.set(&mut ours, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    }
    let mut theirs = chain(&world);
    for record in ours.records_after(&[]) {
        let again = Signed::<AccessRecord>::from_cbor(&record.to_cbor()).unwrap();
        assert_eq!(theirs.insert(again, &world.logs), Ok(true));
    }
    assert!(ours.records_after(&theirs.leaves()).is_empty());
    assert_eq!(ours.view(&world.logs).newest_id(), theirs.view(&world.logs).newest_id());
}
