//! How two peers meet, whom they trust, and what is left when they part.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use mimei_core::limits::HANDSHAKE_MS_MAX;
use mimei_core::peer::{Command, CommandError, Expect, Outcome, Trust};
use mimei_core::secret::DeviceSecrets;
use mimei_core::wire::noise::Binding;
use tests::people::{Person, copy_of};
use tests::random::Random;
use tests::scenario::assert_nothing_left;
use tests::sim::{Dial, Link, NodeId, Sim, Temper, memory, rtc, websocket};

/// Long enough for anything on a good link.
const SOON_MS: u64 = 5_000;

struct Pair {
    sim: Sim,
    alice: Person,
    bob: Person,
    a: NodeId,
    b: NodeId,
}

fn node_of(sim: &mut Sim, device: &DeviceSecrets, person: &Person) -> NodeId {
    sim.add_node(device.clone(), person.log_copy(), Temper::calm())
}

fn pair(seed: u64) -> Pair {
    let mut random = Random::new(seed);
    let (alice, bob) = (Person::new(&mut random), Person::new(&mut random));
    let mut sim = Sim::new(seed, Link::good());
    let a = node_of(&mut sim, &alice.device, &alice);
    let b = node_of(&mut sim, &bob.device, &bob);
    Pair { sim, alice, bob, a, b }
}

fn bindings() -> [Binding; 3] {
    [memory(), websocket(), rtc(1, 2)]
}

#[test]
fn two_peers_meet_on_every_transport_and_see_who_the_other_is() {
    for binding in bindings() {
        let Pair { mut sim, alice, bob, a, b } = pair(1);
        let meeting = sim.dial(Dial::new(a, b).over(binding).expecting(Expect::User(bob.user())));
        sim.run_for(SOON_MS);
        let (at_a, at_b) = (sim.node(a).session(meeting).unwrap(), sim.node(b).session(meeting).unwrap());
        assert_eq!((at_a.user, at_a.device, at_a.trust), (bob.user(), bob.device.keys().sign, Trust::Expected));
        assert_eq!((at_b.user, at_b.device, at_b.trust), (alice.user(), alice.device.keys().sign, Trust::Caller));
    }
}

#[test]
fn somebody_else_is_refused_before_the_dialer_says_who_it_is() {
    for binding in bindings() {
        let Pair { mut sim, alice, a, b, .. } = pair(2);
        let seen = std::rc::Rc::new(std::cell::Cell::new(0));
        let counter = seen.clone();
        let dial = Dial::new(a, b).over(binding).expecting(Expect::User(alice.user()));
        let meeting = sim.dial(dial.through(move |from, packet| {
            let dialer = from == mimei_core::wire::noise::Role::Dialer;
            counter.set(counter.get() + u32::from(dialer));
            let toward =
                if dialer { mimei_core::wire::noise::Role::Listener } else { mimei_core::wire::noise::Role::Dialer };
            vec![(toward, packet)]
        }));
        sim.run_for(SOON_MS);
        assert_eq!(sim.node(a).ending(meeting).unwrap().code, "handshake.unexpected-peer");
        assert_eq!(seen.get(), 1, "the dialer said more than its ephemeral key");
        assert_eq!(sim.node(b).opened(), []);
        assert_nothing_left(&sim, a);
        assert_nothing_left(&sim, b);
    }
}

#[test]
fn a_place_met_first_is_pinned_and_another_user_there_is_refused() {
    let Pair { mut sim, bob, a, b, .. } = pair(3);
    let mallory = Person::new(&mut Random::new(33));
    let m = node_of(&mut sim, &mallory.device, &mallory);
    let place = || Expect::FirstUse("the relay upstairs".into());
    let first = sim.dial(Dial::new(a, b).expecting(place()));
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(a).session(first).unwrap().trust, Trust::FirstUse);
    let second = sim.dial(Dial::new(a, b).expecting(place()));
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(a).session(second).unwrap().trust, Trust::Pinned);
    sim.crash(a);
    sim.restart(a);
    let third = sim.dial(Dial::new(a, m).expecting(place()));
    sim.run_for(SOON_MS);
    let ending = sim.node(a).ending(third).unwrap();
    assert_eq!(ending.code, "handshake.unexpected-peer");
    assert!(ending.message.contains(&bob.user().to_string()) && ending.message.contains(&mallory.user().to_string()));
    let elsewhere = sim.dial(Dial::new(a, m).expecting(Expect::FirstUse("another place".into())));
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(a).session(elsewhere).unwrap().trust, Trust::FirstUse);
}

#[test]
fn two_first_meetings_at_one_place_pin_one_user() {
    for seed in 0..20 {
        let Pair { mut sim, a, b, .. } = pair(seed);
        let mallory = Person::new(&mut Random::new(seed + 1000));
        let m = node_of(&mut sim, &mallory.device, &mallory);
        for to in [b, m] {
            sim.dial(Dial::new(a, to).expecting(Expect::FirstUse("a place".into())));
        }
        sim.run_for(SOON_MS);
        assert_eq!(sim.node(a).opened().len(), 1, "seed {seed}");
    }
}

#[test]
fn a_revoked_device_is_refused_although_it_shows_a_log_in_which_it_is_valid() {
    let Pair { mut sim, mut alice, a, b, .. } = pair(4);
    let mut random = Random::new(44);
    let phone = alice.add_device(&mut random);
    let old = node_of(&mut sim, &phone, &alice);
    let before = sim.dial(Dial::new(old, b));
    sim.run_for(SOON_MS);
    assert!(sim.node(b).session(before).is_some(), "the phone is good until it is revoked");
    alice.revoke(&phone.keys().sign, &mut random);
    sim.crash(a);
    sim.node_mut(a).set_log(copy_of(&alice.log));
    sim.restart(a);
    sim.dial(Dial::new(a, b));
    sim.run_for(SOON_MS);
    let after = sim.dial(Dial::new(old, b));
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(b).ending(after).unwrap().code, "handshake.device");
    sim.crash(b);
    sim.restart(b);
    let later = sim.dial(Dial::new(old, b));
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(b).ending(later).unwrap().code, "handshake.device", "the revocation outlives a crash");
}

#[test]
fn the_open_session_of_a_device_ends_when_its_revocation_arrives() {
    let Pair { mut sim, mut alice, a, b, .. } = pair(12);
    let mut random = Random::new(45);
    let phone = alice.add_device(&mut random);
    let stolen = node_of(&mut sim, &phone, &alice);
    let meeting = sim.dial(Dial::new(stolen, b).over(websocket()));
    sim.run_for(SOON_MS);
    alice.revoke(&phone.keys().sign, &mut random);
    sim.crash(a);
    sim.node_mut(a).set_log(copy_of(&alice.log));
    sim.restart(a);
    let owner = sim.dial(Dial::new(a, b));
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(b).ending(meeting).map(|ending| ending.code), Some("session.revoked"));
    assert!(sim.node(b).session(owner).is_some(), "the owner's session goes on");
    assert_nothing_left(&sim, stolen);
}

#[test]
fn no_session_of_a_device_is_left_that_was_met_while_its_revocation_arrived() {
    tests::seeds::each(0..60, |seed| {
        let mut random = Random::new(seed);
        let (mut alice, bob) = (Person::new(&mut random), Person::new(&mut random));
        let phone = alice.add_device(&mut random);
        let mut sim = Sim::new(seed, Link { latency_ms: 1..20, ..Link::good() });
        let slow = Temper { job_ms: 0..40, ..Temper::calm() };
        let b = sim.add_node(bob.device.clone(), bob.log_copy(), slow);
        let stolen = node_of(&mut sim, &phone, &alice);
        alice.revoke(&phone.keys().sign, &mut random);
        let owner = node_of(&mut sim, &alice.device, &alice);
        let race = [sim.dial(Dial::new(stolen, b)), sim.dial(Dial::new(owner, b))];
        sim.run_for(SOON_MS);
        assert!(sim.node(b).session(race[1]).is_some());
        assert_eq!(sim.node(b).session(race[0]), None);
    });
}

#[test]
fn a_peer_refuses_a_device_that_its_own_user_has_revoked() {
    let mut random = Random::new(5);
    let mut alice = Person::new(&mut random);
    let phone = alice.add_device(&mut random);
    let mut sim = Sim::new(5, Link::good());
    let stolen = node_of(&mut sim, &phone, &alice);
    alice.revoke(&phone.keys().sign, &mut random);
    let home = node_of(&mut sim, &alice.device, &alice);
    let meeting = sim.dial(Dial::new(stolen, home));
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(home).ending(meeting).map(|ending| ending.code), Some("handshake.device"));
    assert_eq!(sim.node(home).opened(), []);
}

#[test]
fn logs_of_devices_that_know_different_halves_are_joined_and_kept() {
    let mut random = Random::new(6);
    let bob = Person::new(&mut random);
    let mut alice = Person::new(&mut random);
    let mut other_half = Person { root: alice.root.clone(), device: alice.device.clone(), log: alice.log_copy() };
    let (phone, laptop) = (alice.add_device(&mut random), other_half.add_device(&mut random));
    let mut sim = Sim::new(6, Link::good());
    let b = node_of(&mut sim, &bob.device, &bob);
    let (p, l) = (node_of(&mut sim, &phone, &alice), node_of(&mut sim, &laptop, &other_half));
    for node in [p, l] {
        sim.dial(Dial::new(node, b));
        sim.run_for(SOON_MS);
    }
    assert_eq!(sim.node(b).sessions().len(), 2);
    // The laptop revokes nobody; the phone's half alone must now be enough to be checked against both.
    sim.crash(b);
    sim.restart(b);
    let again = sim.dial(Dial::new(p, b));
    sim.run_for(SOON_MS);
    assert!(sim.node(b).session(again).is_some());
    let scan = mimei_core::store::Scan {
        table: mimei_core::store::Table::Log,
        prefix: alice.user().cid().hash().to_vec(),
        after: None,
        limit: 10,
    };
    assert_eq!(sim.node(b).store.scan(&scan).len(), 3, "the first entry and one from each half");
}

#[test]
fn who_does_not_finish_the_handshake_is_let_go() {
    let Pair { mut sim, a, b, .. } = pair(7);
    let silent = sim.dial(Dial::new(a, b).through(|_, _| vec![]));
    sim.run_for(HANDSHAKE_MS_MAX - 100);
    assert_eq!((sim.peer(a).connections(), sim.peer(b).connections()), (1, 1));
    sim.run_for(200);
    assert_eq!(sim.node(a).ending(silent).unwrap().code, "handshake.timeout");
    assert_eq!(sim.node(b).ending(silent).unwrap().code, "handshake.timeout");
    assert_nothing_left(&sim, a);
    assert_nothing_left(&sim, b);
}

#[test]
fn a_ping_measures_the_round_trip_and_fails_when_the_session_ends() {
    let Pair { mut sim, a, b, .. } = pair(8);
    sim.set_link(Link { latency_ms: 40..41, ..Link::good() });
    let meeting = sim.dial(Dial::new(a, b));
    sim.run_for(SOON_MS);
    let ping = sim.command(a, Command::Ping(meeting));
    sim.run_for(SOON_MS);
    let outcome = sim.outcome(a, ping);
    assert!(matches!(outcome, Some(Ok(Outcome::RoundTrip { ms: 80..=83 }))), "{outcome:?}");
    let cut_off = sim.command(a, Command::Ping(meeting));
    sim.tear(meeting);
    sim.run_for(SOON_MS);
    assert_eq!(sim.outcome(a, cut_off), Some(&Err(CommandError::NotConnected)));
    let late = sim.command(a, Command::Ping(meeting));
    assert_eq!(sim.outcome(a, late), Some(&Err(CommandError::NotConnected)));
}

#[test]
fn a_ping_waits_out_a_partition_that_heals_and_fails_in_one_that_lasts() {
    let Pair { mut sim, a, b, .. } = pair(9);
    let meeting = sim.dial(Dial::new(a, b).again_and_again());
    sim.run_for(SOON_MS);
    sim.partition(a, b);
    let ping = sim.command(a, Command::Ping(meeting));
    sim.run_for(3_000);
    assert_eq!(sim.outcome(a, ping), None);
    sim.heal(a, b);
    sim.run_for(SOON_MS);
    assert!(matches!(sim.outcome(a, ping), Some(Ok(Outcome::RoundTrip { ms: 3_000.. }))));
    sim.partition(a, b);
    let lost = sim.command(a, Command::Ping(meeting));
    sim.run_for(60_000);
    assert_eq!(sim.outcome(a, lost), Some(&Err(CommandError::NotConnected)));
    assert_eq!(sim.node(a).sessions(), Vec::<&tests::sim::Opened>::new());
    sim.heal(a, b);
    sim.run_for(SOON_MS);
    assert_eq!(sim.node(a).sessions().len(), 1, "a dial brings the session back");
}

#[test]
fn an_ask_without_an_answer_times_out() {
    use mimei_core::wire::noise::Role;
    let Pair { mut sim, a, b, .. } = pair(10);
    let muted = std::rc::Rc::new(std::cell::Cell::new(false));
    let mute = muted.clone();
    let meeting = sim.dial(Dial::new(a, b).through(move |from, packet| match from {
        Role::Dialer => vec![(Role::Listener, packet)],
        Role::Listener if mute.get() => vec![],
        Role::Listener => vec![(Role::Dialer, packet)],
    }));
    sim.run_for(SOON_MS);
    muted.set(true);
    let ping = sim.command(a, Command::Ping(meeting));
    sim.run_for(mimei_core::limits::ASK_MS_MAX + 100);
    assert_eq!(sim.outcome(a, ping), Some(&Err(CommandError::TimedOut)));
}

#[test]
fn many_meetings_and_crashes_leave_nothing_behind() {
    let Pair { mut sim, a, b, .. } = pair(11);
    for round in 0..60 {
        let binding = bindings()[round % 3].clone();
        let meeting = sim.dial(Dial::new(a, b).over(binding));
        // Cut at every stage of the handshake, and behind it.
        let life = sim.random().within(0..20);
        sim.run_for(life);
        match round % 4 {
            0 => sim.tear(meeting),
            1 => {
                sim.crash(b);
                sim.restart(b);
            }
            2 => drop(sim.command(a, Command::Disconnect(meeting))),
            _ => sim.inject(meeting, mimei_core::wire::noise::Role::Listener, vec![0xff; 40]),
        }
    }
    sim.run_for(HANDSHAKE_MS_MAX + SOON_MS);
    for meeting in sim.node(a).sessions().iter().map(|opened| opened.connection).collect::<Vec<_>>() {
        sim.command(a, Command::Disconnect(meeting));
    }
    sim.run_for(SOON_MS);
    assert_nothing_left(&sim, a);
    assert_nothing_left(&sim, b);
}
