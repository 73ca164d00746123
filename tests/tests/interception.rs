//! Somebody in the middle: of the signalling, of TLS in front of a WebSocket, of
//! the packets. `THREATS.md` row 20.
//!
//! Checked by switching each defence off in the core: with a prologue that leaves
//! the fingerprints out, both sides of `swapped_fingerprints_are_refused` open a
//! session and it fails; with `Binding::is_encrypted` always true, altered, replayed
//! and overheard packets fail; with `read_proof` that does not verify, the stolen
//! proofs do; with a dialer that does not look at the user before its third
//! message, the two tests of unexpected peers do.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking, wherever that is")]

use std::cell::RefCell;
use std::rc::Rc;

use mimei_core::cbor::Cbor;
use mimei_core::peer::{Command, Expect};
use mimei_core::wire::noise::{Binding, Handshake, Proof, Role};
use tests::people::Person;
use tests::random::Random;
use tests::scenario::assert_nothing_left;
use tests::sim::{ConversationId, Dial, Link, NodeId, Sim, Temper, memory, rtc, websocket};
use tests::stranger::Stranger;

const SOON_MS: u64 = 5_000;
/// A word that stands in clear in every hello.
const IN_EVERY_HELLO: &[u8] = b"nameTag";

struct World {
    sim: Sim,
    bob: Person,
    a: NodeId,
    b: NodeId,
}

fn world(seed: u64) -> World {
    let mut random = Random::new(seed);
    let (alice, bob) = (Person::new(&mut random), Person::new(&mut random));
    let mut sim = Sim::new(seed, Link::good());
    let a = sim.add_node(alice.device.clone(), alice.log_copy(), Temper::calm());
    let b = sim.add_node(bob.device.clone(), bob.log_copy(), Temper::calm());
    World { sim, bob, a, b }
}

fn other(role: Role) -> Role {
    match role {
        Role::Dialer => Role::Listener,
        Role::Listener => Role::Dialer,
    }
}

/// Runs one meeting through `tap`; gives the world and the meeting.
fn meet(binding: Binding, tap: impl FnMut(Role, Vec<u8>) -> Vec<(Role, Vec<u8>)> + 'static) -> (World, ConversationId) {
    let mut world = world(1);
    let expect = Expect::User(world.bob.user());
    let meeting = world.sim.dial(Dial::new(world.a, world.b).over(binding).expecting(expect).through(tap));
    world.sim.run_for(SOON_MS);
    (world, meeting)
}

fn assert_no_session(world: &World) {
    assert_eq!(world.sim.node(world.a).opened(), [], "the dialer opened a session");
    assert_eq!(world.sim.node(world.b).opened(), [], "the listener opened a session");
    assert_nothing_left(&world.sim, world.a);
    assert_nothing_left(&world.sim, world.b);
}

fn code(world: &World, node: NodeId, meeting: ConversationId) -> &'static str {
    world.sim.node(node).ending(meeting).map_or("none", |ending| ending.code)
}

#[test]
fn swapped_fingerprints_are_refused() {
    // The dialer has DTLS with certificate 9 of the one in the middle, who has DTLS with the listener as 8.
    for (seen_by_dialer, seen_by_listener) in
        [(rtc(1, 9), rtc(8, 2)), (rtc(1, 9), rtc(1, 2)), (rtc(1, 2), rtc(8, 2)), (rtc(1, 2), rtc(2, 1))]
    {
        let mut world = world(2);
        let dial = Dial::new(world.a, world.b).over(seen_by_dialer).listener_sees(seen_by_listener);
        let meeting = world.sim.dial(dial.expecting(Expect::User(world.bob.user())));
        world.sim.run_for(SOON_MS);
        assert_eq!(code(&world, world.a, meeting), "handshake.intercepted");
        assert_no_session(&world);
    }
}

#[test]
fn sides_that_disagree_about_the_transport_are_refused() {
    let stripped = Binding { fingerprints: None, ..rtc(1, 2) };
    for (dialer, listener) in [(websocket(), memory()), (websocket(), rtc(1, 2)), (rtc(1, 2), stripped)] {
        let mut world = world(3);
        let meeting = world.sim.dial(Dial::new(world.a, world.b).over(dialer).listener_sees(listener));
        world.sim.run_for(SOON_MS);
        assert_eq!(code(&world, world.a, meeting), "handshake.intercepted");
        assert_no_session(&world);
    }
}

/// The one who ends TLS: a Noise handshake of its own with each side.
struct Middle {
    me: Stranger,
    toward_dialer: Handshake,
    toward_listener: Handshake,
    steals: bool,
    stolen: Option<Proof>,
}

impl Middle {
    fn new(steals: bool) -> Self {
        let mallory = Person::new(&mut Random::new(666));
        let handshake = |role, seed| Handshake::new(role, &websocket(), &[seed; 32]).unwrap();
        Self {
            me: Stranger::new(mallory.device.clone(), &mallory.log, 1),
            toward_dialer: handshake(Role::Listener, 2),
            toward_listener: handshake(Role::Dialer, 3),
            steals,
            stolen: None,
        }
    }

    fn pass(&mut self, from: Role, packet: &[u8]) -> Vec<(Role, Vec<u8>)> {
        match from {
            Role::Dialer if self.toward_dialer.read_first(packet).is_ok() => {
                vec![(Role::Listener, self.toward_listener.write(None).unwrap())]
            }
            Role::Dialer => {
                // The dialer has told who it is; the listener gets that, or what Mallory can sign.
                let Ok(theirs) = self.toward_dialer.read_proof(packet) else { return vec![] };
                let proof = if self.steals { theirs } else { self.me.proof(&self.toward_listener) };
                vec![(Role::Listener, self.toward_listener.write(Some(&proof)).unwrap())]
            }
            Role::Listener => {
                let Ok(theirs) = self.toward_listener.read_proof(packet) else { return vec![] };
                let proof = if self.steals { theirs.clone() } else { self.me.proof(&self.toward_dialer) };
                self.stolen = Some(theirs);
                vec![(Role::Dialer, self.toward_dialer.write(Some(&proof)).unwrap())]
            }
        }
    }
}

#[test]
fn who_ends_tls_with_an_identity_of_its_own_is_not_whom_the_dialer_expects() {
    let mut middle = Middle::new(false);
    let (world, meeting) = meet(websocket(), move |from, packet| middle.pass(from, &packet));
    assert_eq!(code(&world, world.a, meeting), "handshake.unexpected-peer");
    assert_no_session(&world);
}

#[test]
fn who_ends_tls_cannot_pass_on_the_proofs_of_others() {
    let mut middle = Middle::new(true);
    let (world, meeting) = meet(websocket(), move |from, packet| middle.pass(from, &packet));
    assert_eq!(code(&world, world.a, meeting), "handshake.signature");
    assert_no_session(&world);
}

#[test]
fn a_dialers_proof_does_not_pass_for_a_listeners() {
    let mut random = Random::new(12);
    let (alice, bob) = (Person::new(&mut random), Person::new(&mut random));
    let mut dialer = Handshake::new(Role::Dialer, &websocket(), &[1; 32]).unwrap();
    let mut listener = Handshake::new(Role::Listener, &websocket(), &[2; 32]).unwrap();
    listener.read_first(&dialer.write(None).unwrap()).unwrap();
    let bob = Stranger::new(bob.device.clone(), &bob.log, 0);
    let mut proof = bob.proof(&listener);
    let mut claim = listener.claim();
    claim.role = Role::Dialer;
    proof.sig = bob.device.sign(mimei_core::sign::Domain::Session, &claim.to_cbor());
    let message = listener.write(Some(&proof)).unwrap();
    assert!(dialer.read_proof(&message).is_err(), "{} took it", alice.user());
}

#[test]
fn packets_sent_back_to_their_sender_are_refused() {
    let (world, meeting) = meet(websocket(), |from, packet| vec![(from, packet)]);
    assert_ne!(code(&world, world.a, meeting), "none");
    assert_no_session(&world);
}

#[test]
fn every_altered_packet_ends_the_handshake_or_the_session() {
    for binding in [websocket(), memory()] {
        // Three of Noise and two hellos are the packets of a meeting.
        for altered in 0..5 {
            for at in [0, 1, 17, usize::MAX] {
                let mut count = 0;
                let (world, meeting) = meet(binding.clone(), move |from, mut packet| {
                    if count == altered {
                        let last = packet.len() - 1;
                        packet[at.min(last)] ^= 1;
                    }
                    count += 1;
                    vec![(other(from), packet)]
                });
                let codes = [code(&world, world.a, meeting), code(&world, world.b, meeting)];
                assert!(codes.contains(&"handshake.intercepted"), "packet {altered} byte {at}: {codes:?}");
                assert_nothing_left(&world.sim, world.a);
                assert_nothing_left(&world.sim, world.b);
            }
        }
    }
}

/// Meets cleanly, then hands the packets of a ping to `meddle`.
fn meddle_with_a_session(binding: Binding, meddle: fn(&mut Vec<Vec<u8>>)) -> (World, ConversationId) {
    let collected = Rc::new(RefCell::new(None::<Vec<Vec<u8>>>));
    let tap = collected.clone();
    let (mut world, meeting) = meet(binding, move |from, packet| match (&mut *tap.borrow_mut(), from) {
        (Some(kept), Role::Dialer) => {
            kept.push(packet);
            vec![]
        }
        _ => vec![(other(from), packet)],
    });
    assert_eq!(world.sim.node(world.b).opened().len(), 1);
    *collected.borrow_mut() = Some(vec![]);
    for _ in 0..2 {
        world.sim.command(world.a, Command::Ping(meeting));
        world.sim.run_for(SOON_MS);
    }
    let mut packets = collected.take().unwrap();
    assert_eq!(packets.len(), 2);
    meddle(&mut packets);
    for packet in packets {
        world.sim.inject(meeting, Role::Listener, packet);
    }
    world.sim.run_for(SOON_MS);
    (world, meeting)
}

#[test]
fn a_session_survives_packets_that_are_only_late() {
    let (world, meeting) = meddle_with_a_session(websocket(), |_| {});
    assert_eq!(code(&world, world.b, meeting), "none", "without meddling the session goes on");
    assert!(world.sim.node(world.b).session(meeting).is_some());
}

#[test]
fn replayed_reordered_left_out_and_altered_packets_end_the_session() {
    type Meddler = (&'static str, fn(&mut Vec<Vec<u8>>));
    let meddlers: [Meddler; 5] = [
        ("replayed", |packets| packets.insert(1, packets[0].clone())),
        ("reordered", |packets| packets.swap(0, 1)),
        ("left out", |packets| drop(packets.remove(0))),
        ("altered", |packets| packets[0][3] ^= 0x80),
        ("made up", |packets| packets.insert(0, vec![0; 40])),
    ];
    for (what, meddle) in meddlers {
        for binding in [websocket(), memory()] {
            let (world, meeting) = meddle_with_a_session(binding, meddle);
            assert_eq!(code(&world, world.b, meeting), "handshake.intercepted", "{what}");
            assert_eq!(code(&world, world.a, meeting), "connection.closed", "{what}");
            assert_nothing_left(&world.sim, world.a);
            assert_nothing_left(&world.sim, world.b);
        }
    }
}

#[test]
fn packets_of_one_session_are_worth_nothing_in_another() {
    let recorded = Rc::new(RefCell::new(Vec::new()));
    let tape = recorded.clone();
    let (_, _) = meet(websocket(), move |from, packet| {
        if from == Role::Dialer {
            tape.borrow_mut().push(packet.clone());
        }
        vec![(other(from), packet)]
    });
    let mut tape = recorded.take().into_iter();
    assert_eq!(tape.len(), 4, "two of Noise, a hello, the account");
    // The listener of a new world, fresh keys: whatever the dialer says, the old packets arrive.
    let mut world = world(4);
    let meeting =
        world.sim.dial(Dial::new(world.a, world.b).over(websocket()).through(move |from, packet| match from {
            Role::Dialer => tape.next().map(|old| (Role::Listener, old)).into_iter().collect(),
            Role::Listener => vec![(Role::Dialer, packet)],
        }));
    world.sim.run_for(SOON_MS * 3);
    assert_ne!(code(&world, world.b, meeting), "none");
    assert_no_session(&world);
}

/// Whether the word of every hello crossed in clear, and how many packets did.
fn wiretap(binding: Binding) -> (bool, usize) {
    let heard = Rc::new(RefCell::new(Vec::new()));
    let tape = heard.clone();
    let (mut world, meeting) = meet(binding, move |from, packet| {
        tape.borrow_mut().push(packet.clone());
        vec![(other(from), packet)]
    });
    world.sim.command(world.a, Command::Ping(meeting));
    world.sim.run_for(SOON_MS);
    world.sim.command(world.a, Command::Disconnect(meeting));
    world.sim.run_for(SOON_MS);
    let packets = heard.take();
    let in_clear = packets.iter().any(|packet| packet.windows(IN_EVERY_HELLO.len()).any(|word| word == IN_EVERY_HELLO));
    (in_clear, packets.len())
}

#[test]
fn nothing_said_crosses_a_websocket_in_clear() {
    assert_eq!(wiretap(websocket()), (false, 10));
    assert_eq!(wiretap(memory()), (false, 10));
    // A data channel without fingerprints has nothing to lean on, so Noise encrypts there as well.
    assert_eq!(wiretap(Binding { fingerprints: None, ..rtc(1, 2) }), (false, 10));
    // The control: where DTLS encrypts, Noise does not do so again, and the word is there to be found.
    assert_eq!(wiretap(rtc(1, 2)), (true, 10));
}
