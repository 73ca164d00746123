//! Rights are taken back: what stood goes on standing, and what comes after is sealed for the rest.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::{MimeiId, VersionId};
use mimei_core::link::Link;
use mimei_core::mimei::{Kind, Right, Rights};
use mimei_core::peer::{CommandError, ItemCommand, ItemOutcome, ShareTo, SharedWith};
use tests::desk::{Desk, Seat};
use tests::sim;

fn code(error: &CommandError) -> String {
    match error {
        CommandError::Item { code, .. } => (*code).to_owned(),
        CommandError::Refused(refusal) => format!("{:?}", refusal.code),
        other => format!("{other:?}"),
    }
}

fn of(link: &Link) -> SharedWith {
    SharedWith::Link(link.secret.as_ref().unwrap().keys().sign)
}

/// An author whose folder two others have opened, each by a link of their own.
struct Scene {
    desk: Desk,
    author: Seat,
    leaving: Seat,
    staying: Seat,
    mimei: MimeiId,
    links: [Link; 2],
    seed: u8,
}

fn scene(seed: u64, rights: Rights) -> Scene {
    let mut desk = Desk::new(seed, sim::Link::good());
    let [author, leaving, staying] = [(); 3].map(|()| desk.seat());
    let mimei = desk.create(author.node, Kind::Folder, "album", false);
    desk.save(author.node, mimei, Some("before.txt"), b"for all of us").unwrap();
    let links = [(); 2].map(|()| desk.share(author.node, mimei, ShareTo::Link, rights).unwrap());
    desk.settle(author.node, mimei).unwrap();
    for (seat, link) in [leaving, staying].into_iter().zip(&links) {
        let (_, at, _) = desk.open(seat, link).unwrap();
        assert_eq!(desk.read(seat.node, mimei, at.unwrap(), Some("before.txt")).unwrap(), b"for all of us");
    }
    Scene { desk, author, leaving, staying, mimei, links, seed: 0 }
}

impl Scene {
    fn unshare(&mut self, with: SharedWith) -> Result<ItemOutcome, CommandError> {
        let (node, mimei) = (self.author.node, self.mimei);
        self.seed += 1;
        self.desk.run(node, ItemCommand::Unshare { mimei, with, seed: [self.seed; 32] })
    }

    fn save(&mut self, seat: Seat, name: &str, text: &[u8]) -> VersionId {
        let (version, _) = self.desk.save(seat.node, self.mimei, Some(name), text).unwrap();
        self.desk.settle(seat.node, self.mimei).unwrap();
        version
    }

    fn read(&mut self, seat: Seat, version: VersionId, name: &str) -> Result<Vec<u8>, CommandError> {
        self.desk.read(seat.node, self.mimei, version, Some(name))
    }

    fn last(&mut self, seat: Seat) -> VersionId {
        self.desk.view(seat.node, self.mimei).tips[0].last
    }
}

#[test]
fn who_was_shut_out_hears_nothing_new_and_who_stays_reads_old_and_new() {
    let mut scene = scene(1, Rights::READER);
    let (author, leaving, staying) = (scene.author, scene.leaving, scene.staying);
    scene.unshare(of(&scene.links[0])).unwrap();
    let version = scene.save(author, "after.txt", b"for those who stay");
    let (view, at, warning) = scene.desk.open(leaving, &scene.links[0].clone()).unwrap();
    assert!(warning.unwrap().contains("you may not see it"), "somebody shut out is not told");
    assert_eq!(view.versions.len(), 1, "news reached somebody who was shut out");
    assert_eq!(scene.read(leaving, at.unwrap(), "before.txt").unwrap(), b"for all of us", "it was read before");
    scene.desk.open(staying, &scene.links[1].clone()).unwrap();
    assert_eq!(scene.last(staying), version);
    assert_eq!(scene.read(staying, version, "after.txt").unwrap(), b"for those who stay");
    assert_eq!(scene.read(staying, version, "before.txt").unwrap(), b"for all of us");
    let newcomer = scene.desk.seat();
    assert_eq!(code(&scene.desk.open(newcomer, &scene.links[0].clone()).unwrap_err()), "NotFound");
    let link = scene.desk.share(author.node, scene.mimei, ShareTo::Link, Rights::READER).unwrap();
    scene.desk.settle(author.node, scene.mimei).unwrap();
    scene.desk.open(newcomer, &link).unwrap();
    assert_eq!(scene.read(newcomer, version, "before.txt").unwrap(), b"for all of us", "with it come earlier keys");
}

#[test]
fn the_relays_whole_disk_does_not_open_what_was_saved_after_one_was_shut_out() {
    for everyone in [false, true] {
        let mut scene = scene(2, Rights::READER);
        let (author, leaving, staying) = (scene.author, scene.leaving, scene.staying);
        if everyone {
            scene.desk.share(author.node, scene.mimei, ShareTo::Everyone, Rights::READER).unwrap();
            scene.unshare(SharedWith::Everyone).unwrap();
        }
        scene.unshare(of(&scene.links[0])).unwrap();
        let version = scene.save(author, "after.txt", b"for those who stay");
        let disk = scene.desk.sim.node(scene.desk.relay).store.backup();
        for (seat, opens) in [(leaving, false), (staying, true)] {
            scene.desk.sim.crash(seat.node);
            scene.desk.sim.node_mut(seat.node).store.take_over(&disk);
            scene.desk.sim.restart(seat.node);
            assert_eq!(scene.last(seat), version, "the records are there");
            let read = scene.desk.list(seat.node, scene.mimei, version);
            assert_eq!(read.is_ok(), opens, "{read:?}");
        }
        assert_eq!(scene.read(staying, version, "after.txt").unwrap(), b"for those who stay");
    }
}

#[test]
fn what_a_writer_saved_stands_when_its_link_is_taken_back_and_what_it_saves_then_does_not() {
    let mut scene = scene(3, Rights::WRITER);
    let (author, leaving, staying) = (scene.author, scene.leaving, scene.staying);
    let theirs = scene.save(leaving, "theirs.txt", b"written in time");
    scene.desk.sim.tear(leaving.session);
    scene.desk.sim.run_for(1_000);
    scene.desk.save(leaving.node, scene.mimei, Some("late.txt"), b"too late").unwrap();
    scene.unshare(of(&scene.links[0])).unwrap();
    scene.desk.settle(author.node, scene.mimei).unwrap();
    scene.desk.dial(leaving.node);
    assert_eq!(code(&scene.desk.settle(leaving.node, scene.mimei).unwrap_err()), "NotFound");
    scene.desk.sim.run_for(5_000);
    for seat in [author, staying] {
        assert_eq!(scene.last(seat), theirs);
        assert_eq!(scene.read(seat, theirs, "theirs.txt").unwrap(), b"written in time");
        assert_eq!(scene.desk.view(seat.node, scene.mimei).versions.len(), 2);
    }
    assert!(scene.desk.view(leaving.node, scene.mimei).is_waiting, "what was refused is kept here");
    let after = scene.save(staying, "after.txt", b"still a writer");
    assert_eq!(scene.read(author, after, "theirs.txt").unwrap(), b"written in time");
}

#[test]
fn a_share_with_an_end_ends() {
    let mut scene = scene(4, Rights::READER);
    let (author, mimei) = (scene.author, scene.mimei);
    let now = scene.desk.sim.clock(author.node);
    let share = |until| ItemCommand::Share { mimei, to: ShareTo::Link, rights: Rights::READER, until, seed: [9; 32] };
    let past = scene.desk.run(author.node, share(Some(now))).unwrap_err();
    assert_eq!(code(&past), "argument.invalid");
    let ItemOutcome::Link(link) = scene.desk.run(author.node, share(Some(now + 60_000))).unwrap() else {
        panic!("no link")
    };
    scene.desk.settle(author.node, mimei).unwrap();
    let [early, late] = [(); 2].map(|()| scene.desk.seat());
    scene.desk.open(early, &link).unwrap();
    scene.desk.sim.run_for(60_000);
    assert_eq!(code(&scene.desk.open(late, &link).unwrap_err()), "NotFound");
    let shares = scene.desk.view(author.node, mimei).shares;
    assert_eq!(shares.iter().filter(|share| share.until == Some(now + 60_000)).count(), 1, "it is shown until removed");
}

#[test]
fn only_who_may_set_rights_takes_back_and_only_what_was_given() {
    let mut scene = scene(5, Rights::WRITER);
    let (writer, mimei, link) = (scene.staying, scene.mimei, scene.links[0].clone());
    let command = ItemCommand::Unshare { mimei, with: of(&link), seed: [7; 32] };
    assert_eq!(code(&scene.desk.run(writer.node, command).unwrap_err()), "access.denied");
    assert_eq!(code(&scene.unshare(SharedWith::Everyone).unwrap_err()), "argument.invalid");
    scene.unshare(of(&link)).unwrap();
    assert_eq!(code(&scene.unshare(of(&link)).unwrap_err()), "argument.invalid");
}

#[test]
fn what_was_created_public_becomes_private_for_what_comes_next_and_public_again() {
    let mut desk = Desk::new(6, sim::Link::good());
    let (author, visitor) = (desk.seat(), desk.seat());
    let mimei = desk.create(author.node, Kind::Folder, "poster", true);
    let (first, _) = desk.save(author.node, mimei, Some("a.txt"), b"come all").unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.open(visitor, &Link::new(mimei)).unwrap();
    desk.run(author.node, ItemCommand::Unshare { mimei, with: SharedWith::Everyone, seed: [7; 32] }).unwrap();
    let (second, _) = desk.save(author.node, mimei, Some("b.txt"), b"for me").unwrap();
    desk.settle(author.node, mimei).unwrap();
    assert_eq!(code(&desk.list(desk.relay, mimei, second).unwrap_err()), "access.denied", "the relay reads on");
    let newcomer = desk.seat();
    assert_eq!(code(&desk.open(newcomer, &Link::new(mimei)).unwrap_err()), "NotFound");
    desk.sim.crash(author.node);
    desk.sim.restart(author.node);
    desk.dial(author.node);
    assert_eq!(desk.read(author.node, mimei, second, Some("a.txt")).unwrap(), b"come all");
    assert_eq!(desk.read(author.node, mimei, second, Some("b.txt")).unwrap(), b"for me");
    desk.share(author.node, mimei, ShareTo::Everyone, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let (view, at, _) = desk.open(newcomer, &Link::new(mimei)).unwrap();
    assert!(view.everyone.has(Right::Read));
    assert_eq!(desk.read(newcomer.node, mimei, at.unwrap(), Some("b.txt")).unwrap(), b"for me");
    assert_eq!(desk.read(newcomer.node, mimei, first, Some("a.txt")).unwrap(), b"come all");
}

#[test]
fn links_that_were_taken_back_offline_are_shut_out_when_the_relay_hears_of_it() {
    let mut scene = scene(7, Rights::READER);
    let author = scene.author;
    scene.desk.sim.tear(author.session);
    scene.desk.sim.run_for(1_000);
    scene.unshare(of(&scene.links[0])).unwrap();
    scene.unshare(of(&scene.links[1])).unwrap();
    let version = scene.desk.save(author.node, scene.mimei, Some("after.txt"), b"mine alone").unwrap().0;
    scene.desk.dial(author.node);
    scene.desk.settle(author.node, scene.mimei).unwrap();
    assert_eq!(scene.read(author, version, "before.txt").unwrap(), b"for all of us");
    for (seat, link) in [(scene.leaving, 0), (scene.staying, 1)] {
        let (view, ..) = scene.desk.open(seat, &scene.links[link].clone()).unwrap();
        assert_eq!(view.versions.len(), 1);
    }
    assert_eq!(scene.desk.view(author.node, scene.mimei).shares, []);
}
