//! Forks of an access chain: one winner from one set, whatever the order.

use mimei_core::cbor::Cbor;
use mimei_core::cid::AccessId;
use mimei_core::mimei::{
    ACCESS_LOSING_MAX, AccessChain, AccessError, AccessRecord, AccessView, Audience, Right, Rights,
};
use mimei_core::sign::Signed;

use crate::world::{EDITOR, NOW, RULER, Random, World};

const AUTHOR: (usize, usize) = (0, 0);
const BOB: (usize, usize) = (1, 0);
const CAROL: (usize, usize) = (2, 0);

fn id(signed: &Signed<AccessRecord>) -> AccessId {
    AccessId::of(&signed.to_cbor())
}

/// The author gave set-rights to Bob, then to Carol, and a person who may save.
fn ruled(world: &mut World) -> (AccessChain, AccessId, Vec<Audience>) {
    let mut chain = AccessChain::new(&world.genesis);
    let (bob, carol) = (world.user_audience(1, RULER), world.user_audience(2, RULER));
    world.set(&mut chain, AUTHOR, vec![bob.clone()]);
    let all = vec![bob, carol, world.user_audience(3, EDITOR)];
    let at = world.set(&mut chain, AUTHOR, all.clone());
    (chain, at, all)
}

fn without(all: &[Audience], world: &World, at: usize) -> Vec<Audience> {
    all.iter().filter(|a| a.who != world.user_audience(at, EDITOR).who).cloned().collect()
}

fn with(all: &[Audience], world: &World, at: usize, rights: Rights) -> Vec<Audience> {
    let mut all = without(all, world, at);
    all.push(world.user_audience(at, rights));
    all
}

fn insert_all(world: &World, chain: &mut AccessChain, records: &[Signed<AccessRecord>]) -> AccessView {
    for record in records {
        chain.insert(record.clone(), &world.logs).unwrap();
    }
    chain.view(&world.logs)
}

#[test]
fn the_authors_branch_wins_though_it_is_shorter() {
    let mut world = World::new(5);
    let (mut chain, at, all) = ruled(&mut world);
    let bobs = world.record_after(BOB, Some((&chain, at)), with(&all, &world, 4, EDITOR));
    insert_all(&world, &mut chain, std::slice::from_ref(&bobs));
    let longer = world.record_after(BOB, Some((&chain, id(&bobs))), with(&all, &world, 4, Rights::READER));
    let authors = world.record_after(AUTHOR, Some((&chain, at)), all);
    let view = insert_all(&world, &mut chain, &[longer, authors.clone()]);
    assert_eq!(view.newest_id(), Some(id(&authors)));
    assert_eq!(view.rights_of(&world.user(4), NOW), Rights::NONE);
}

#[test]
fn who_got_set_rights_earlier_wins() {
    let mut world = World::new(5);
    let (mut chain, at, all) = ruled(&mut world);
    let carols = world.record_after(CAROL, Some((&chain, at)), with(&all, &world, 4, EDITOR));
    let bobs = world.record_after(BOB, Some((&chain, at)), with(&all, &world, 4, Rights::READER));
    let view = insert_all(&world, &mut chain, &[carols.clone(), bobs.clone()]);
    assert_eq!(view.newest_id(), Some(id(&bobs)));
    assert_eq!(view.losing(), [id(&carols)]);
}

#[test]
fn of_one_user_the_senior_device_wins_whatever_the_ids_are() {
    let mut world = World::new(5);
    let (chain, at, all) = ruled(&mut world);
    for _ in 0..4 {
        let junior = world.record_after((1, 1), Some((&chain, at)), all.clone());
        let senior = world.record_after((1, 0), Some((&chain, at)), all.clone());
        let mut both = AccessChain::new(&world.genesis);
        for record in chain.records_after(&[]) {
            both.insert(record.clone(), &world.logs).unwrap();
        }
        let view = insert_all(&world, &mut both, &[junior, senior.clone()]);
        assert_eq!(view.newest_id(), Some(id(&senior)));
    }
}

#[test]
fn of_one_device_the_lower_id_wins() {
    let mut world = World::new(5);
    let (mut chain, at, all) = ruled(&mut world);
    let two = [(); 2].map(|()| world.record_after(BOB, Some((&chain, at)), all.clone()));
    let view = insert_all(&world, &mut chain, &two);
    assert_eq!(view.newest_id(), two.iter().map(id).min());
}

#[test]
fn a_removed_member_cannot_undo_its_removal_by_records_it_backdates() {
    // Carol extends the common record, and the author removes Bob on top of hers. Bob is senior to
    // Carol, so a rule that looked at the first records alone would let him win for ever.
    let mut world = World::new(5);
    let (mut chain, at, all) = ruled(&mut world);
    let carols = world.record_after(CAROL, Some((&chain, at)), all.clone());
    insert_all(&world, &mut chain, std::slice::from_ref(&carols));
    let removal = world.record_after(AUTHOR, Some((&chain, id(&carols))), without(&all, &world, 1));
    insert_all(&world, &mut chain, std::slice::from_ref(&removal));
    for _ in 0..8 {
        let back = world.record_after(BOB, Some((&chain, at)), all.clone());
        let harass = world.record_after(BOB, Some((&chain, at)), without(&all, &world, 2));
        let view = insert_all(&world, &mut chain, &[back, harass]);
        assert_eq!(view.newest_id(), Some(id(&removal)));
        assert_eq!(view.rights_of(&world.user(1), NOW), Rights::NONE);
        assert_eq!(view.rights_of(&world.user(2), NOW), RULER, "a removed member removes nobody");
    }
}

#[test]
fn a_removal_in_a_losing_branch_lives_on_until_a_winning_record_decides() {
    let mut world = World::new(5);
    let (mut chain, at, all) = ruled(&mut world);
    let carols = world.record_after(CAROL, Some((&chain, at)), without(&all, &world, 3));
    let bobs = world.record_after(BOB, Some((&chain, at)), with(&all, &world, 4, EDITOR));
    let view = insert_all(&world, &mut chain, &[carols.clone(), bobs.clone()]);
    assert_eq!(view.newest_id(), Some(id(&bobs)));
    assert_eq!(view.rights_of(&world.user(4), NOW), EDITOR);
    assert_eq!(view.rights_of(&world.user(3), NOW), Rights::NONE);
    // A record that does not know of the fork does not decide about it.
    let unaware = world.record_after(BOB, Some((&chain, id(&bobs))), with(&all, &world, 4, EDITOR));
    let view = insert_all(&world, &mut chain, &[unaware]);
    assert_eq!(view.rights_of(&world.user(3), NOW), Rights::NONE);
    // The author knows, and lets the person stay.
    let back = with(view.audiences(), &world, 3, EDITOR);
    world.set(&mut chain, AUTHOR, back);
    let view = chain.view(&world.logs);
    assert_eq!(view.rights_of(&world.user(3), NOW), EDITOR);
    assert_eq!(view.losing(), []);
}

#[test]
fn an_honest_loser_signs_its_change_again_on_top() {
    let mut world = World::new(5);
    let (mut chain, at, all) = ruled(&mut world);
    let carols = world.record_after(CAROL, Some((&chain, at)), without(&all, &world, 3));
    let bobs = world.record_after(BOB, Some((&chain, at)), with(&all, &world, 4, EDITOR));
    let view = insert_all(&world, &mut chain, &[carols, bobs]);
    let again = view.audiences().to_vec();
    world.set(&mut chain, CAROL, again);
    let view = chain.view(&world.logs);
    assert_eq!(view.rights_of(&world.user(3), NOW), Rights::NONE);
    assert_eq!(view.rights_of(&world.user(4), NOW), EDITOR);
    assert_eq!(view.newest().unwrap().by.user, world.user(2));
}

#[test]
fn who_is_being_removed_by_a_losing_branch_sets_no_rights() {
    let mut world = World::new(6);
    let (mut chain, at, mut all) = ruled(&mut world);
    all.push(world.user_audience(4, RULER));
    let at = {
        let next = world.record_after(AUTHOR, Some((&chain, at)), all.clone());
        insert_all(&world, &mut chain, std::slice::from_ref(&next));
        id(&next)
    };
    let carols = world.record_after(CAROL, Some((&chain, at)), without(&all, &world, 4));
    let bobs = world.record_after(BOB, Some((&chain, at)), all.clone());
    insert_all(&world, &mut chain, &[carols.clone(), bobs.clone()]);
    // The person removed signs on top of the winner and decides about its own removal.
    let mut back = world.record_after((4, 0), Some((&chain, id(&bobs))), with(&all, &world, 5, EDITOR)).body;
    back.decides = vec![id(&carols)];
    let back = world.sign_access((4, 0), back);
    let view = insert_all(&world, &mut chain, &[back]);
    assert_eq!(view.newest_id(), Some(id(&bobs)));
    assert_eq!(view.rights_of(&world.user(4), NOW), Rights::NONE);
    assert_eq!(view.rights_of(&world.user(5), NOW), Rights::NONE);
}

#[test]
fn a_stolen_devices_records_end_with_it_unless_named_or_followed_by_others() {
    let mut world = World::new(6);
    let (mut chain, at, all) = ruled(&mut world);
    let stolen = (1, 1);
    let honest = world.record_after(stolen, Some((&chain, at)), with(&all, &world, 4, EDITOR));
    insert_all(&world, &mut chain, std::slice::from_ref(&honest));
    let thief = world.record_after(stolen, Some((&chain, id(&honest))), with(&all, &world, 5, RULER));
    insert_all(&world, &mut chain, std::slice::from_ref(&thief));
    let accomplice = world.record_after((5, 0), Some((&chain, id(&thief))), with(&all, &world, 5, RULER));
    let view = insert_all(&world, &mut chain, std::slice::from_ref(&accomplice));
    assert_eq!(view.newest_id(), Some(id(&accomplice)));
    world.revoke(stolen, &[*id(&honest).cid()]);
    let view = chain.view(&world.logs);
    assert_eq!(view.newest_id(), Some(id(&honest)), "the accomplice had no right before the thief gave it");
    // Carol could set rights before: by going on from the thief's record she answers for it.
    let carols = world.record_after(CAROL, Some((&chain, id(&thief))), all.clone());
    let view = insert_all(&world, &mut chain, std::slice::from_ref(&carols));
    assert_eq!(view.newest_id(), Some(id(&carols)));
}

#[test]
fn a_removed_member_cannot_fill_the_chain() {
    let mut world = World::new(4);
    let (mut chain, at, all) = ruled(&mut world);
    let removal = world.record_after(AUTHOR, Some((&chain, at)), without(&all, &world, 1));
    insert_all(&world, &mut chain, std::slice::from_ref(&removal));
    let mut refused = 0;
    let mut prev = at;
    for _ in 0..ACCESS_LOSING_MAX + 4 {
        let flood = world.record_after(BOB, Some((&chain, prev)), all.clone());
        match chain.insert(flood.clone(), &world.logs) {
            Ok(_) => prev = id(&flood),
            Err(error) => {
                assert_eq!(error, AccessError::TooMany);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 4);
    let next = world.record_after(AUTHOR, Some((&chain, id(&removal))), Vec::new());
    let view = insert_all(&world, &mut chain, std::slice::from_ref(&next));
    assert_eq!(view.newest_id(), Some(id(&next)));
}

#[test]
fn any_set_of_records_gives_one_view_in_any_order() {
    for seed in 0..24 {
        let mut random = Random(seed);
        let mut world = World::new(5);
        let records = random_records(&mut world, &mut random);
        if random.one_in(2) {
            let accepted: Vec<_> =
                records.iter().filter(|_| random.one_in(3)).map(|record| *id(record).cid()).collect();
            world.revoke((1 + random.below(3), 1), &accepted);
        }
        let mut views: Vec<String> = Vec::new();
        for _ in 0..4 {
            let mut left = records.clone();
            random.shuffle(&mut left);
            let mut chain = AccessChain::new(&world.genesis);
            while !left.is_empty() {
                let before = left.len();
                left.retain(|record| match chain.insert(record.clone(), &world.logs) {
                    Err(AccessError::Unknown(_)) => true,
                    result => {
                        assert_eq!(result, Ok(true), "seed {seed}");
                        false
                    }
                });
                assert!(left.len() < before, "seed {seed}");
            }
            views.push(format!("{:?}", chain.view(&world.logs)));
            // Partial exchange: what one has, another can take in the order it is sent.
            let mut other = AccessChain::new(&world.genesis);
            for record in chain.records_after(&[]) {
                assert_eq!(other.insert(record.clone(), &world.logs), Ok(true), "seed {seed}");
            }
        }
        assert!(views.windows(2).all(|pair| pair[0] == pair[1]), "seed {seed}: {views:#?}");
    }
}

fn random_records(world: &mut World, random: &mut Random) -> Vec<Signed<AccessRecord>> {
    let mut chain = AccessChain::new(&world.genesis);
    let all: Vec<Audience> = (1..4).map(|at| world.user_audience(at, RULER)).collect();
    world.set(&mut chain, AUTHOR, all);
    for _ in 0..24 {
        let device = (random.below(4), random.below(2));
        let records = chain.records_after(&[]);
        let prev = id(records[random.below(records.len())]);
        let mut audiences = chain.get(&prev).unwrap().body.audiences.clone();
        match random.below(3) {
            0 => audiences.retain(|_| !random.one_in(4)),
            1 => audiences = with(&audiences, world, 4, EDITOR),
            _ => audiences = with(&audiences, world, 1 + random.below(4), RULER),
        }
        let mut record = if random.one_in(3) {
            let change = world.change(audiences);
            chain.view(&world.logs).next_record(world.by(device), change)
        } else {
            world.record_after(device, Some((&chain, prev)), audiences).body
        };
        record.accepted.clear();
        let signed = world.sign_access(device, record);
        match chain.insert(signed, &world.logs) {
            Ok(_) | Err(AccessError::NotAllowed | AccessError::AgainstSenior) => {}
            Err(error) => panic!("{error:?}"),
        }
    }
    let kept = chain.records_after(&[]).into_iter().cloned().collect::<Vec<_>>();
    assert!(kept.iter().any(|record| record.body.by.user != world.user(0)));
    assert!(Right::from_name("setRights").is_some());
    kept
}
