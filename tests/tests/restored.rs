//! A relay that lost what it had acknowledged: its disk was restored from an older copy, or is empty.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::{MimeiId, VersionId};
use mimei_core::limits::BLOCKS_IN_FLIGHT_MAX;
use mimei_core::mimei::{Kind, PIECE_BYTES, Rights};
use mimei_core::peer::ShareTo;
use mimei_core::store::{Scan, Table};
use tests::desk::{Desk, Seat};
use tests::random::Random;
use tests::sim::{self, MemoryStore};

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.within(0..256) as u8).collect()
}

/// Replaces a relay's disk while it is down.
fn restore(desk: &mut Desk, backup: MemoryStore) {
    let relay = desk.relay;
    desk.sim.crash(relay);
    desk.sim.node_mut(relay).store = backup;
    desk.sim.restart(relay);
    desk.sim.run_for(100);
}

/// An author with a folder at the relay, and a copy of the relay's disk as it was then.
fn scene(seed: u64) -> (Desk, Seat, MimeiId, MemoryStore) {
    let mut desk = Desk::new(seed, sim::Link::good());
    let author = desk.seat();
    let mimei = desk.create(author.node, Kind::Folder, "album", false);
    desk.save(author.node, mimei, Some("old.bin"), &bytes(1, 600_000)).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let backup = desk.sim.node(desk.relay).store.backup();
    (desk, author, mimei, backup)
}

fn reads(desk: &mut Desk, author: Seat, mimei: MimeiId, version: VersionId, name: &str) -> Vec<u8> {
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let reader = desk.seat();
    desk.open(reader, &link).unwrap();
    desk.read(reader.node, mimei, version, Some(name)).unwrap()
}

#[test]
fn a_relay_restored_from_an_older_copy_gets_back_what_it_lost_and_nobody_is_blamed() {
    let (mut desk, author, mimei, backup) = scene(1);
    let text = bytes(2, 20 * PIECE_BYTES as usize);
    desk.save(author.node, mimei, Some("new.bin"), &text).unwrap();
    let (version, _) = desk.save(author.node, mimei, Some("newer.txt"), b"and more").unwrap();
    desk.settle(author.node, mimei).unwrap();
    restore(&mut desk, backup);
    desk.dial(author.node);
    desk.sim.run_for(20_000);
    assert_eq!(desk.view(desk.relay, mimei).versions.len(), 3, "nobody had to do anything for it");
    assert_eq!(reads(&mut desk, author, mimei, version, "new.bin"), text);
    for node in [author.node, desk.relay] {
        let view = desk.view(node, mimei);
        assert_eq!((view.tips.len(), view.versions.len(), view.forks.len()), (1, 3, 0));
    }
}

#[test]
fn what_is_saved_next_brings_with_it_what_it_stands_on() {
    let (mut desk, author, mimei, backup) = scene(2);
    let text = bytes(2, 300_000);
    desk.save(author.node, mimei, Some("lost.bin"), &text).unwrap();
    desk.settle(author.node, mimei).unwrap();
    restore(&mut desk, backup);
    desk.sim.partition(author.node, desk.relay);
    let (version, _) = desk.save(author.node, mimei, Some("next.txt"), b"next").unwrap();
    desk.sim.heal(author.node, desk.relay);
    desk.dial(author.node);
    desk.settle(author.node, mimei).unwrap();
    assert_eq!(reads(&mut desk, author, mimei, version, "lost.bin"), text);
}

#[test]
fn a_new_relay_gets_all_of_it() {
    let (mut desk, author, mimei, _) = scene(3);
    let (version, _) = desk.save(author.node, mimei, Some("b.txt"), b"b").unwrap();
    desk.settle(author.node, mimei).unwrap();
    restore(&mut desk, MemoryStore::default());
    desk.dial(author.node);
    desk.sim.run_for(20_000);
    assert_eq!(reads(&mut desk, author, mimei, version, "old.bin"), bytes(1, 600_000));
}

#[test]
fn a_device_that_has_not_all_of_it_brings_nothing_and_keeps_what_it_saved() {
    let mut desk = Desk::new(4, sim::Link::good());
    let (author, writer) = (desk.seat(), desk.seat());
    let mimei = desk.create(author.node, Kind::Folder, "album", false);
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::WRITER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let backup = desk.sim.node(desk.relay).store.backup();
    desk.save(author.node, mimei, Some("a.bin"), &bytes(1, 600_000)).unwrap();
    desk.save(author.node, mimei, Some("b.txt"), b"never read by the writer").unwrap();
    desk.settle(author.node, mimei).unwrap();
    let (_, at, _) = desk.open(writer, &link).unwrap();
    desk.read(writer.node, mimei, at.unwrap(), Some("a.bin")).unwrap();
    desk.sim.crash(author.node);
    restore(&mut desk, backup);
    desk.dial(writer.node);
    desk.sim.run_for(5_000);
    desk.save(writer.node, mimei, Some("c.txt"), b"c").unwrap();
    assert!(desk.settle(writer.node, mimei).is_err());
    assert!(desk.view(writer.node, mimei).is_waiting, "what was saved is lost");
    let scan = Scan { table: Table::Row, prefix: mimei.cid().hash().to_vec(), after: None, limit: 10 };
    let rows = desk.sim.node(desk.relay).store.scan(&scan);
    // The piece of the new file alone names nothing that is missing.
    assert!(rows.len() <= 1, "a part of a version takes room and helps nobody");
    desk.sim.restart(author.node);
    desk.dial(author.node);
    desk.sim.run_for(5_000);
    desk.settle(writer.node, mimei).unwrap();
    assert_eq!(desk.view(author.node, mimei).versions.len(), 3, "with the author's help all is there");
}

#[test]
fn an_upload_that_is_taken_up_again_sends_only_what_is_not_there() {
    let (mut desk, author, mimei, _) = scene(6);
    let pieces = 4 * BLOCKS_IN_FLIGHT_MAX;
    let text = bytes(7, pieces * PIECE_BYTES as usize);
    desk.save(author.node, mimei, Some("film.bin"), &text).unwrap();
    let backup = desk.sim.node(author.node).store.backup();
    desk.settle(author.node, mimei).unwrap();
    // The device comes back as it was before the relay had answered.
    desk.sim.crash(author.node);
    desk.sim.node_mut(author.node).store = backup;
    desk.sim.restart(author.node);
    let unsent = desk.view(author.node, mimei).unsent_blocks;
    let before = desk.sim.packets();
    desk.dial(author.node);
    desk.settle(author.node, mimei).unwrap();
    let sent = desk.sim.packets() - before;
    assert!(unsent > pieces as u64 && sent < unsent, "{unsent} blocks waited, {sent} packets were sent");
    assert_eq!(desk.view(author.node, mimei).unsent_blocks, 0);
}
