//! Heads and tips, rule by rule.

use mimei_core::cbor::Cbor;
use mimei_core::cid::HeadId;
use mimei_core::link::LinkSecret;
use mimei_core::mimei::{
    AccessChain, Audience, Coverage, Head, HeadError, HeadSet, Judge, Proof, Right, Rights, SignerError, Who,
};
use mimei_core::sign::Signed;
use mimei_core::time::Millis;

use crate::world::{Device, EDITOR, NOW, World, version};

const AUTHOR: Device = (0, 0);
const AUTHORS_OTHER: Device = (0, 1);
const BOB: Device = (1, 0);
const CAROL: Device = (2, 0);

const RELEASER: Rights = Rights::of(&[Right::Read, Right::Save, Right::Release]);

fn start(people: usize) -> (World, AccessChain, HeadSet) {
    let world = World::new(people);
    let (chain, heads) = (AccessChain::new(&world.genesis), HeadSet::new(world.mimei));
    (world, chain, heads)
}

fn ids(world: &World, heads: &HeadSet, chain: &AccessChain) -> Vec<HeadId> {
    world.tips(heads, chain).ids()
}

fn id(signed: &Signed<Head>) -> HeadId {
    HeadId::of(&signed.to_cbor())
}

/// A head on a state that its device saw some time ago.
fn head_on(world: &World, heads: &HeadSet, chain: &AccessChain, device: Device, prev: &[HeadId], last: &str) -> Head {
    let seq = 1 + prev.iter().map(|id| heads.get(id).unwrap().body.seq).max().unwrap_or(0);
    let release = prev.first().and_then(|id| heads.get(id).unwrap().body.release);
    Head {
        by: world.by(device),
        seq,
        last: version(last),
        prev: prev.to_vec(),
        time: NOW,
        mimei: world.mimei,
        access: chain.view(&world.logs).newest_id(),
        release,
    }
}

#[test]
fn a_save_after_a_save_is_the_only_tip() {
    let (world, chain, mut heads) = start(1);
    let first = world.save(&mut heads, &chain, AUTHOR, "1");
    let second = world.save(&mut heads, &chain, AUTHORS_OTHER, "2");
    assert_eq!(ids(&world, &heads, &chain), [second]);
    assert_eq!(heads.get(&second).unwrap().body.prev, [first]);
    assert_eq!(heads.get(&second).unwrap().body.seq, 2);
}

#[test]
fn heads_signed_apart_are_unmerged_until_one_follows_both() {
    let (world, chain, mut heads) = start(1);
    let first = world.save(&mut heads, &chain, AUTHOR, "1");
    let a = head_on(&world, &heads, &chain, AUTHOR, &[first], "a");
    let b = head_on(&world, &heads, &chain, AUTHORS_OTHER, &[first], "b");
    let two = [(AUTHOR, a), (AUTHORS_OTHER, b)].map(|(device, head)| world.sign_head(device, head));
    two.iter().for_each(|head| _ = world.take(&mut heads, &chain, head.clone()));
    let tips = world.tips(&heads, &chain);
    assert!(tips.is_unmerged());
    assert_eq!(tips.winner().unwrap().id, two.iter().map(id).min().unwrap(), "equal numbers: the lowest id");
    let joined = world.save(&mut heads, &chain, AUTHOR, "merged");
    assert_eq!(ids(&world, &heads, &chain), [joined]);
    assert!(!world.tips(&heads, &chain).is_unmerged());
}

#[test]
fn the_larger_number_wins_and_equal_states_are_shown_as_one() {
    let (world, chain, mut heads) = start(1);
    let first = world.save(&mut heads, &chain, AUTHOR, "1");
    let a = head_on(&world, &heads, &chain, AUTHOR, &[first], "same");
    let a = world.take(&mut heads, &chain, world.sign_head(AUTHOR, a));
    let longer = head_on(&world, &heads, &chain, AUTHOR, &[a], "same");
    let longer = world.take(&mut heads, &chain, world.sign_head(AUTHOR, longer));
    let b = head_on(&world, &heads, &chain, AUTHORS_OTHER, &[first], "same");
    world.take(&mut heads, &chain, world.sign_head(AUTHORS_OTHER, b));
    let tips = world.tips(&heads, &chain);
    assert_eq!((tips.all().len(), tips.states().len()), (2, 1));
    assert!(tips.is_split() && !tips.is_unmerged());
    assert_eq!(tips.winner().unwrap().id, longer);
}

#[test]
fn a_head_without_its_chain_or_with_a_wrong_number_is_refused() {
    let (world, chain, mut heads) = start(1);
    let first = world.save(&mut heads, &chain, AUTHOR, "1");
    let second = world.save(&mut heads, &chain, AUTHOR, "2");
    let signed = heads.get(&second).unwrap().clone();
    let mut empty = HeadSet::new(world.mimei);
    assert_eq!(empty.insert(signed, &chain, &world.logs), Err(HeadError::UnknownPrev(first)));
    for seq in [0, 2, 4, u64::MAX] {
        let head = Head { seq, ..head_on(&world, &heads, &chain, AUTHOR, &[second], "3") };
        let signed = world.sign_head(AUTHOR, head);
        assert_eq!(heads.insert(signed, &chain, &world.logs), Err(HeadError::BadSeq));
    }
    let mut prev = vec![first, second];
    prev.sort();
    prev.reverse();
    let head = Head { prev, ..head_on(&world, &heads, &chain, AUTHOR, &[second], "3") };
    assert_eq!(heads.insert(world.sign_head(AUTHOR, head), &chain, &world.logs), Err(HeadError::BadPrev));
}

#[test]
fn an_altered_head_or_one_of_another_mimei_is_refused() {
    let (world, chain, mut heads) = start(2);
    let head = head_on(&world, &heads, &chain, AUTHOR, &[], "1");
    let mut forged = world.sign_head(AUTHOR, head.clone());
    forged.body.last = version("2");
    assert_eq!(heads.insert(forged, &chain, &world.logs), Err(HeadError::Signer(SignerError::BadSignature)));
    let mut by_other_device = head.clone();
    by_other_device.by.device = world.secrets(BOB).keys().sign;
    let signed = world.sign_head(BOB, by_other_device);
    assert_eq!(heads.insert(signed, &chain, &world.logs), Err(HeadError::Signer(SignerError::UnknownDevice)));
    let mut elsewhere = HeadSet::new(mimei_core::cid::MimeiId::of(b"another"));
    let signed = world.sign_head(AUTHOR, head);
    assert_eq!(elsewhere.insert(signed, &chain, &world.logs), Err(HeadError::OtherMimei));
}

#[test]
fn who_never_had_the_right_is_refused_and_whose_access_record_is_unknown_must_wait() {
    let (mut world, mut chain, mut heads) = start(3);
    let none = world.sign_head(BOB, head_on(&world, &heads, &chain, BOB, &[], "1"));
    assert_eq!(heads.insert(none, &chain, &world.logs), Err(HeadError::NotAllowed(Right::Save)));
    let record = world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    let head = world.sign_head(BOB, head_on(&world, &heads, &chain, BOB, &[], "1"));
    let old = AccessChain::new(&world.genesis);
    assert_eq!(heads.insert(head.clone(), &old, &world.logs), Err(HeadError::UnknownAccess(record)));
    assert_eq!(heads.insert(head, &chain, &world.logs), Ok(true));
}

#[test]
fn only_who_may_release_changes_the_release() {
    let (mut world, mut chain, mut heads) = start(3);
    let all = vec![world.user_audience(1, EDITOR), world.user_audience(2, Rights::of(&[Right::Release]))];
    world.set(&mut chain, AUTHOR, all);
    let first = world.save(&mut heads, &chain, BOB, "1");
    let release = Head { release: Some(version("1")), ..head_on(&world, &heads, &chain, BOB, &[first], "1") };
    let refused = world.sign_head(BOB, release);
    assert_eq!(heads.insert(refused, &chain, &world.logs), Err(HeadError::NotAllowed(Right::Release)));
    let save = world.sign_head(CAROL, head_on(&world, &heads, &chain, CAROL, &[first], "mine"));
    assert_eq!(heads.insert(save, &chain, &world.logs), Err(HeadError::NotAllowed(Right::Save)));
    let released = world.release(&mut heads, &chain, CAROL, "1");
    assert_eq!(world.tips(&heads, &chain).winner().unwrap().release, Some(version("1")));
    let kept = world.save(&mut heads, &chain, BOB, "2");
    let tips = world.tips(&heads, &chain);
    assert_eq!((tips.ids(), tips.winner().unwrap().release), (vec![kept], Some(version("1"))));
    assert_eq!(heads.get(&kept).unwrap().body.prev, [released]);
}

#[test]
fn who_lost_the_right_to_release_but_may_save_cannot_release_under_the_old_record() {
    let (mut world, mut chain, mut heads) = start(3);
    let before = world.set(&mut chain, AUTHOR, vec![world.user_audience(1, RELEASER)]);
    let first = world.save(&mut heads, &chain, BOB, "1");
    world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    // It cites the record under which it could release, and saves on top of that.
    let mut head = head_on(&world, &heads, &chain, BOB, &[first], "1");
    (head.access, head.release) = (Some(before), Some(version("evil")));
    let evil = world.take(&mut heads, &chain, world.sign_head(BOB, head));
    let on_top = head_on(&world, &heads, &chain, BOB, &[evil], "2");
    assert_eq!(on_top.release, Some(version("evil")));
    world.take(&mut heads, &chain, world.sign_head(BOB, on_top));
    let tips = world.tips(&heads, &chain);
    assert_eq!((tips.ids(), tips.winner().unwrap().release), (vec![first], None));
}

#[test]
fn a_release_stands_after_its_signer_left_if_the_removal_accepts_what_follows_it() {
    let (mut world, mut chain, mut heads) = start(3);
    let carol = world.user_audience(2, EDITOR);
    world.set(&mut chain, AUTHOR, vec![world.user_audience(1, RELEASER), carol.clone()]);
    world.save(&mut heads, &chain, BOB, "1");
    world.release(&mut heads, &chain, BOB, "1");
    let tip = world.save(&mut heads, &chain, CAROL, "2");
    let mut change = world.change(vec![carol]);
    change.accepted = vec![tip];
    world.set_all(&mut chain, AUTHOR, change);
    let next = world.save(&mut heads, &chain, CAROL, "3");
    let tips = world.tips(&heads, &chain);
    assert_eq!((tips.ids(), tips.winner().unwrap().release), (vec![next], Some(version("1"))));
}

#[test]
fn of_who_lost_the_right_only_what_is_named_or_followed_stands() {
    let (mut world, mut chain, mut heads) = start(2);
    world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    let old = chain.view(&world.logs).newest_id();
    let first = world.save(&mut heads, &chain, BOB, "1");
    let mut change = world.change(Vec::new());
    change.accepted = vec![first];
    world.set_all(&mut chain, AUTHOR, change);
    assert_eq!(ids(&world, &heads, &chain), [first]);
    let mut backdated = head_on(&world, &heads, &chain, BOB, &[first], "2");
    (backdated.access, backdated.time) = (old, Millis(0));
    let backdated = world.take(&mut heads, &chain, world.sign_head(BOB, backdated));
    assert_eq!(ids(&world, &heads, &chain), [first]);
    let head = head_on(&world, &heads, &chain, AUTHOR, &[backdated], "3");
    let follows = world.take(&mut heads, &chain, world.sign_head(AUTHOR, head));
    assert_eq!(ids(&world, &heads, &chain), [follows]);
}

#[test]
fn without_being_named_a_removed_writers_newest_heads_fall_to_the_last_that_others_followed() {
    let (mut world, mut chain, mut heads) = start(2);
    world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    world.save(&mut heads, &chain, BOB, "1");
    let authors = world.save(&mut heads, &chain, AUTHOR, "2");
    world.save(&mut heads, &chain, BOB, "3");
    world.set(&mut chain, AUTHOR, Vec::new());
    assert_eq!(ids(&world, &heads, &chain), [authors]);
}

#[test]
fn a_revoked_device_backdates_in_vain() {
    let (mut world, chain, mut heads) = start(1);
    let first = world.save(&mut heads, &chain, AUTHOR, "1");
    let named = world.save(&mut heads, &chain, AUTHORS_OTHER, "2");
    let backdated = world.sign_head(AUTHORS_OTHER, head_on(&world, &heads, &chain, AUTHORS_OTHER, &[named], "3"));
    world.revoke(AUTHORS_OTHER, &[*named.cid()]);
    assert_eq!(ids(&world, &heads, &chain), [named]);
    world.take(&mut heads, &chain, backdated);
    assert_eq!(ids(&world, &heads, &chain), [named]);
    let (mut world, chain, mut heads) = start(1);
    assert_eq!(world.save(&mut heads, &chain, AUTHOR, "1"), first);
    world.save(&mut heads, &chain, AUTHORS_OTHER, "2");
    world.revoke(AUTHORS_OTHER, &[]);
    assert_eq!(ids(&world, &heads, &chain), [first]);
}

#[test]
fn a_revocation_does_not_bring_back_what_an_access_record_ended() {
    let (mut world, mut chain, mut heads) = start(2);
    world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    let bobs = world.save(&mut heads, &chain, BOB, "1");
    world.set(&mut chain, AUTHOR, Vec::new());
    world.revoke(BOB, &[*bobs.cid()]);
    assert_eq!(ids(&world, &heads, &chain), []);
}

#[test]
fn two_heads_of_one_device_apart_are_proof_and_no_tips() {
    let (mut world, mut chain, mut heads) = start(2);
    world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    let common = world.save(&mut heads, &chain, BOB, "1");
    let [a, b] = ["a", "b"].map(|last| world.sign_head(BOB, head_on(&world, &heads, &chain, BOB, &[common], last)));
    let a = world.take(&mut heads, &chain, a);
    assert_eq!(ids(&world, &heads, &chain), [a]);
    let b = world.take(&mut heads, &chain, b);
    assert_eq!(ids(&world, &heads, &chain), [common], "the last common ancestor stands");
    let mut both = vec![a, b];
    both.sort();
    let proof: Vec<_> = heads.equivocations().collect();
    assert_eq!(proof, [(&world.secrets(BOB).keys().sign, both)]);
    // What the device signs later counts only if a valid head names it.
    let later = world.save(&mut heads, &chain, BOB, "later");
    assert_eq!(heads.get(&later).unwrap().body.prev.len(), 2);
    assert_eq!(ids(&world, &heads, &chain), [common]);
    let head = head_on(&world, &heads, &chain, AUTHOR, &[later], "fine");
    let vouched = world.take(&mut heads, &chain, world.sign_head(AUTHOR, head));
    assert_eq!(ids(&world, &heads, &chain), [vouched]);
    world.save(&mut heads, &chain, BOB, "again");
    assert_eq!(ids(&world, &heads, &chain), [vouched]);
}

#[test]
fn naming_an_equivocation_in_an_access_record_does_not_make_it_a_tip() {
    let (mut world, mut chain, mut heads) = start(2);
    world.set(&mut chain, AUTHOR, vec![world.user_audience(1, EDITOR)]);
    let two = ["a", "b"].map(|last| world.sign_head(BOB, head_on(&world, &heads, &chain, BOB, &[], last)));
    let two = two.map(|head| world.take(&mut heads, &chain, head));
    let mut change = world.change(Vec::new());
    change.accepted = two.to_vec();
    world.set_all(&mut chain, AUTHOR, change);
    assert_eq!(ids(&world, &heads, &chain), []);
}

#[test]
fn an_honest_device_that_lost_and_regained_its_right_follows_its_own_head() {
    let (mut world, mut chain, mut heads) = start(2);
    let bob = world.user_audience(1, EDITOR);
    world.set(&mut chain, AUTHOR, vec![bob.clone()]);
    world.save(&mut heads, &chain, AUTHOR, "1");
    let unseen = world.save(&mut heads, &chain, BOB, "2");
    world.set(&mut chain, AUTHOR, Vec::new());
    world.save(&mut heads, &chain, AUTHOR, "3");
    world.set(&mut chain, AUTHOR, vec![bob]);
    let next = world.save(&mut heads, &chain, BOB, "4");
    assert!(heads.get(&next).unwrap().body.prev.contains(&unseen));
    assert_eq!(heads.equivocations().count(), 0);
    assert_eq!(ids(&world, &heads, &chain), [next]);
}

#[test]
fn a_link_holder_signs_as_itself_with_the_links_proof() {
    let (mut world, mut chain, mut heads) = start(2);
    let link = LinkSecret::generate(&[9; 32]);
    let mut change = world.change(vec![Audience::new(Who::Link(link.keys()), EDITOR)]);
    change.keys = Some(world.fresh_keys(false, std::slice::from_ref(&link)));
    let record = world.set_all(&mut chain, AUTHOR, change);
    let head = Head { by: world.by_link(BOB, &link, record), ..head_on(&world, &heads, &chain, BOB, &[], "1") };
    // Another device cannot use the proof.
    let mut stolen = head.clone();
    (stolen.by.user, stolen.by.device) = (world.user(0), world.secrets(AUTHOR).keys().sign);
    stolen.by.log = world.by(AUTHOR).log;
    let stolen = world.sign_head(AUTHOR, stolen);
    assert_eq!(heads.insert(stolen, &chain, &world.logs), Err(HeadError::Signer(SignerError::BadProof)));
    // Nor does another link's secret do.
    let other = LinkSecret::generate(&[8; 32]);
    let wrong = Head { by: world.by_link(BOB, &other, record), ..head.clone() };
    let wrong = world.sign_head(BOB, wrong);
    assert_eq!(heads.insert(wrong, &chain, &world.logs), Err(HeadError::Signer(SignerError::BadProof)));
    let mut early = head.clone();
    if let Some(Proof::Link(proof)) = &mut early.by.proof {
        proof.access = mimei_core::cid::AccessId::of(b"not here");
    }
    let early = world.sign_head(BOB, early);
    assert!(heads.insert(early, &chain, &world.logs).is_err());
    let tip = world.take(&mut heads, &chain, world.sign_head(BOB, head));
    assert_eq!(ids(&world, &heads, &chain), [tip]);
    world.set(&mut chain, AUTHOR, Vec::new());
    assert_eq!(ids(&world, &heads, &chain), [], "the link was taken back");
}

#[test]
fn a_right_that_ended_by_date_stands_for_what_a_named_relay_saw_before() {
    let (mut world, mut chain, mut heads) = start(4);
    let until = Millis(NOW.0 + 100);
    let bob = Audience { until: Some(until), ..world.user_audience(1, EDITOR) };
    let (relay, other) = (world.user(2), world.user(3));
    let mut change = world.change(vec![bob]);
    change.relays = vec![relay];
    world.set_all(&mut chain, AUTHOR, change);
    let head = world.save(&mut heads, &chain, BOB, "1");
    let view = chain.view(&world.logs);
    let tips = |heads: &HeadSet| heads.tips(&Judge { view: &view, logs: &world.logs, now: until }).ids();
    assert_eq!(tips(&heads), []);
    heads.note_seen(head, other, NOW);
    assert_eq!(tips(&heads), [], "nobody named that relay");
    heads.note_seen(head, relay, until);
    assert_eq!(tips(&heads), [], "seen when the right had ended");
    heads.note_seen(head, relay, Millis(until.0 - 1));
    assert_eq!(tips(&heads), [head]);
}

#[test]
fn a_rollback_shows_as_tips_that_do_not_cover_what_was_seen() {
    let (world, chain, mut heads) = start(1);
    let first = world.save(&mut heads, &chain, AUTHOR, "1");
    let second = world.save(&mut heads, &chain, AUTHOR, "2");
    assert_eq!(heads.coverage(&[second], &first), Coverage::Covered);
    assert_eq!(heads.coverage(&[second], &second), Coverage::Covered);
    assert_eq!(heads.coverage(&[first], &second), Coverage::NotCovered);
    assert_eq!(heads.coverage(&[], &second), Coverage::NotCovered);
    let unknown = HeadId::of(b"unknown");
    assert_eq!(heads.coverage(&[second], &unknown), Coverage::Unknown);
    assert_eq!(heads.coverage(&[unknown], &second), Coverage::Unknown);
}

#[test]
fn a_chain_is_sent_down_to_what_the_other_knows() {
    let (world, chain, mut heads) = start(1);
    let all: Vec<HeadId> = (0..10).map(|n| world.save(&mut heads, &chain, AUTHOR, &n.to_string())).collect();
    let sent: Vec<HeadId> = heads.chain(&[all[7]], &[all[3]]).into_iter().map(id).collect();
    assert_eq!(sent, all[4..8]);
    assert!(heads.chain(&[all[3]], &[all[7]]).is_empty());
    assert_eq!(heads.all_after(&[]).len(), 10);
    assert_eq!(heads.all_after(&[HeadId::of(b"not ours")]).len(), 10);
}
