//! A device whose data is an older copy, and one that really has two histories.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::MimeiId;
use mimei_core::link::Link;
use mimei_core::mimei::{Kind, Rights};
use mimei_core::peer::{ItemCommand, ShareTo};
use tests::desk::{Desk, Seat};
use tests::people::Person;
use tests::random::Random;
use tests::sim::{self, Temper};

/// An author whose folder is at the relay, and a reader.
fn scene(seed: u64) -> (Desk, Seat, Seat, MimeiId, Link) {
    let mut desk = Desk::new(seed, sim::Link::good());
    let (author, reader) = (desk.seat(), desk.seat());
    let mimei = desk.create(author.node, Kind::Folder, "album", false);
    desk.save(author.node, mimei, Some("a.txt"), b"one").unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.open(reader, &link).unwrap();
    (desk, author, reader, mimei, link)
}

/// Begins a device anew, cut off, as its data was at another time.
fn restore(desk: &mut Desk, node: usize, backup: sim::MemoryStore) {
    desk.sim.crash(node);
    desk.sim.node_mut(node).store = backup;
    desk.sim.restart(node);
}

#[test]
fn a_device_restored_from_an_older_copy_saves_offline_and_parts_from_nothing_it_signed() {
    let (mut desk, author, reader, mimei, _) = scene(1);
    let backup = desk.sim.node(author.node).store.backup();
    desk.save(author.node, mimei, Some("b.txt"), b"after the copy").unwrap();
    desk.settle(author.node, mimei).unwrap();
    restore(&mut desk, author.node, backup);
    let (version, number) = desk.save(author.node, mimei, Some("c.txt"), b"offline").unwrap();
    let (_, next) = desk.save(author.node, mimei, Some("d.txt"), b"offline too").unwrap();
    assert_eq!((number, next), (2, 3));
    let view = desk.view(author.node, mimei);
    assert_eq!((view.tips.len(), view.is_waiting), (1, true), "what was saved is what is shown");
    assert_eq!(desk.read(author.node, mimei, version, Some("c.txt")).unwrap(), b"offline");
    // What waits outlives a crash, unsigned as it is.
    desk.sim.crash(author.node);
    desk.sim.restart(author.node);
    let last = desk.view(author.node, mimei).tips[0].last;
    assert_eq!(desk.read(author.node, mimei, last, Some("d.txt")).unwrap(), b"offline too");
    desk.dial(author.node);
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    for node in [author.node, reader.node, desk.relay] {
        let view = desk.view(node, mimei);
        assert_eq!((view.forks.len(), view.tips.len()), (0, 1), "a history of two branches was signed");
    }
    let joined = desk.view(reader.node, mimei).tips[0].last;
    for (name, text) in [("a.txt", "one"), ("b.txt", "after the copy"), ("c.txt", "offline"), ("d.txt", "offline too")]
    {
        assert_eq!(desk.read(reader.node, mimei, joined, Some(name)).unwrap(), text.as_bytes());
    }
}

#[test]
fn of_a_file_that_was_replaced_before_and_after_the_copy_both_versions_stay() {
    let mut desk = Desk::new(6, sim::Link::good());
    let author = desk.seat();
    let mimei = desk.create(author.node, Kind::File, "letter", false);
    desk.save(author.node, mimei, None, b"one").unwrap();
    desk.settle(author.node, mimei).unwrap();
    let backup = desk.sim.node(author.node).store.backup();
    let (before, _) = desk.save(author.node, mimei, None, b"after the copy").unwrap();
    desk.settle(author.node, mimei).unwrap();
    restore(&mut desk, author.node, backup);
    let (after, _) = desk.save(author.node, mimei, None, b"offline").unwrap();
    desk.dial(author.node);
    desk.settle(author.node, mimei).unwrap();
    let view = desk.view(desk.relay, mimei);
    assert_eq!((view.forks.len(), view.tips.len(), view.tips[0].last), (0, 1, after));
    assert_eq!(desk.read(author.node, mimei, before, None).unwrap(), b"after the copy");
}

#[test]
fn a_release_that_was_chosen_offline_is_signed_when_the_relay_has_told() {
    let (mut desk, author, reader, mimei, _) = scene(2);
    desk.sim.crash(author.node);
    desk.sim.restart(author.node);
    let first = desk.view(author.node, mimei).versions[0].version;
    desk.save(author.node, mimei, Some("b.txt"), b"not for visitors").unwrap();
    desk.run(author.node, ItemCommand::Release { mimei, version: first }).unwrap();
    assert_eq!(desk.view(author.node, mimei).tips[0].release, Some(first));
    assert_eq!(desk.view(reader.node, mimei).tips[0].release, None);
    desk.dial(author.node);
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    assert_eq!(desk.view(reader.node, mimei).tips[0].release, Some(first));
}

#[test]
fn a_link_that_is_made_offline_names_no_head_that_only_this_device_knows() {
    let (mut desk, author, reader, mimei, _) = scene(3);
    desk.sim.crash(author.node);
    desk.sim.restart(author.node);
    desk.save(author.node, mimei, Some("b.txt"), b"offline").unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.dial(author.node);
    desk.settle(author.node, mimei).unwrap();
    let (view, _, warning) = desk.open(reader, &link).unwrap();
    assert_eq!((view.versions.len(), warning), (2, None));
}

#[test]
fn a_device_that_never_had_a_relay_signs_at_will() {
    let mut desk = Desk::new(4, sim::Link::good());
    let person = Person::new(&mut Random::new(4));
    let node = desk.sim.add_person(&person, Temper::calm());
    let mimei = desk.create(node, Kind::File, "diary", false);
    desk.save(node, mimei, None, b"one").unwrap();
    desk.sim.crash(node);
    desk.sim.restart(node);
    desk.save(node, mimei, None, b"two").unwrap();
    let heads = mimei_core::store::Scan {
        table: mimei_core::store::Table::Head,
        prefix: mimei.cid().hash().to_vec(),
        after: None,
        limit: 10,
    };
    assert_eq!(desk.sim.node(node).store.scan(&heads).len(), 2);
}

#[test]
fn a_device_that_runs_twice_is_shown_with_the_proof_and_the_rest_goes_on() {
    let mut desk = Desk::new(5, sim::Link::good());
    let mut random = Random::new(5);
    let person = Person::new(&mut random);
    let author = desk.seat_of(&person);
    let reader = desk.seat();
    let mimei = desk.create(author.node, Kind::Folder, "album", false);
    let (before, _) = desk.save(author.node, mimei, Some("a.txt"), b"one").unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.open(reader, &link).unwrap();
    // A copy of the whole device, keys and all, that has spoken with the relay too.
    let twin = desk.sim.add_person(&person, Temper::calm());
    let copy = desk.sim.node(author.node).store.backup();
    restore(&mut desk, twin, copy);
    let session = desk.dial(twin);
    desk.settle(twin, mimei).unwrap();
    desk.sim.run_for(1_000);
    desk.sim.tear(session);
    desk.sim.run_for(1_000);
    desk.save(twin, mimei, Some("b.txt"), b"by the copy").unwrap();
    desk.save(author.node, mimei, Some("c.txt"), b"by the original").unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.dial(twin);
    desk.sim.run_for(20_000);
    for node in [desk.relay, reader.node] {
        let view = desk.view(node, mimei);
        let [fork] = view.forks.as_slice() else { panic!("nothing is shown of it: {:?}", view.forks) };
        assert_eq!(fork.device, person.device.keys().sign);
        assert!(fork.heads.len() >= 2, "two heads are the proof");
        assert_eq!(view.tips[0].last, before, "what stood before both stands");
    }
}
