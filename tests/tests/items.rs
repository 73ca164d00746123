//! A file goes from one device through a relay to another.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::MimeiId;
use mimei_core::link::{At, Link, LinkSecret};
use mimei_core::mimei::{Kind, Right, Rights};
use mimei_core::peer::{CommandError, CreditPolicy, Edit, ItemCommand, ItemOutcome, NewFile, ShareTo, Terms};
use mimei_core::wire::RefusalCode;
use tests::desk::{Desk, Seat};
use tests::random::Random;
use tests::sim;

fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut random = Random::new(seed);
    (0..length).map(|_| random.within(0..256) as u8).collect()
}

fn code(error: &CommandError) -> String {
    match error {
        CommandError::Item { code, .. } => (*code).to_owned(),
        CommandError::Refused(refusal) => format!("{:?}", refusal.code),
        other => format!("{other:?}"),
    }
}

/// An author with a file of this text that the relay has, and a reader.
fn shared(seed: u64, text: &[u8], rights: Rights) -> (Desk, Seat, Seat, MimeiId, Link) {
    let mut desk = Desk::new(seed, sim::Link::good());
    let (author, reader) = (desk.seat(), desk.seat());
    let mimei = desk.create(author.node, Kind::File, "letter", false);
    desk.save(author.node, mimei, None, text).unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, rights).unwrap();
    desk.settle(author.node, mimei).unwrap();
    (desk, author, reader, mimei, link)
}

#[test]
fn a_file_of_any_length_arrives_byte_for_byte() {
    for length in [0, 1, 262_143, 262_144, 262_145, 1_500_000] {
        let text = bytes(length as u64, length);
        let (mut desk, _, reader, mimei, link) = shared(1, &text, Rights::READER);
        let (view, at, warning) = desk.open(reader, &link).unwrap();
        assert_eq!((view.versions.len(), warning), (1, None));
        assert_eq!(desk.read(reader.node, mimei, at.unwrap(), None).unwrap(), text, "{length} bytes");
    }
}

#[test]
fn what_was_read_once_is_read_again_without_a_relay() {
    let text = bytes(2, 600_000);
    let (mut desk, _, reader, mimei, link) = shared(2, &text, Rights::READER);
    let (_, at, _) = desk.open(reader, &link).unwrap();
    assert_eq!(desk.read(reader.node, mimei, at.unwrap(), None).unwrap(), text);
    desk.sim.crash(desk.relay);
    desk.sim.run_for(1000);
    let view = desk.view(reader.node, mimei);
    assert_eq!(desk.read(reader.node, mimei, view.versions[0].version, None).unwrap(), text);
}

#[test]
fn nothing_of_the_plaintext_is_in_the_store_of_a_relay_or_of_a_reader_who_was_cut_off() {
    let text = b"the cat sat on the mat and nobody else may know".repeat(20_000);
    let (mut desk, _, reader, mimei, link) = shared(3, &text, Rights::READER);
    let (_, at, _) = desk.open(reader, &link).unwrap();
    desk.read(reader.node, mimei, at.unwrap(), None).unwrap();
    // What was read is kept beside the reading.
    desk.sim.run_for(1_000);
    for node in [desk.relay, reader.node] {
        let dump = desk.sim.node(node).store.dump();
        assert!(dump.len() > text.len(), "the blocks are there");
        assert!(!dump.windows(20).any(|part| part == &text[..20]), "plaintext is stored");
    }
}

#[test]
fn a_second_version_reaches_a_reader_live_and_the_first_stays_what_it_was() {
    let (mut desk, author, reader, mimei, link) = shared(4, b"one", Rights::READER);
    let (view, first, _) = desk.open(reader, &link).unwrap();
    let heard = desk.sim.node(reader.node).changes(&mimei);
    let (second, number) = desk.save(author.node, mimei, None, b"two").unwrap();
    assert_eq!(number, 2);
    assert!(desk.sim.run_until(10_000, |sim| sim.node(reader.node).changes(&mimei) > heard), "nothing was heard");
    let now = desk.view(reader.node, mimei);
    assert_eq!((view.versions.len(), now.versions.len(), now.tips[0].last), (1, 2, second));
    assert_eq!(desk.read(reader.node, mimei, second, None).unwrap(), b"two");
    assert_eq!(desk.read(reader.node, mimei, first.unwrap(), None).unwrap(), b"one");
}

#[test]
fn selectors_name_what_they_say() {
    let (mut desk, author, reader, mimei, link) = shared(5, b"one", Rights::READER);
    let (second, _) = desk.save(author.node, mimei, None, b"two").unwrap();
    let first = desk.view(author.node, mimei).versions[0].version;
    desk.run(author.node, ItemCommand::Release { mimei, version: first }).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let mut at = |at| desk.open(reader, &Link { at, ..link.clone() }).map(|opened| opened.1.unwrap());
    assert_eq!(at(At::Number(1)).unwrap(), first);
    assert_eq!(at(At::Number(2)).unwrap(), second);
    assert_eq!(at(At::Version(second)).unwrap(), second);
    assert_eq!(at(At::Last).unwrap(), second);
    assert_eq!(at(At::Release).unwrap(), first);
    assert_eq!(at(At::Current).unwrap(), first, "a visitor sees what was chosen for visitors");
    assert_eq!(code(&at(At::Number(3)).unwrap_err()), "mimei.noVersion");
}

#[test]
fn without_the_links_secret_nobody_learns_that_there_is_something() {
    let (mut desk, _, reader, _, link) = shared(6, b"one", Rights::READER);
    let bare = Link { secret: None, ..link.clone() };
    let wrong = Link { secret: Some(LinkSecret::from_bytes([7; 32])), ..link.clone() };
    let elsewhere = Link { mimei: MimeiId::of(b"no such thing"), ..link };
    for link in [bare, wrong, elsewhere] {
        assert_eq!(code(&desk.open(reader, &link).unwrap_err()), "NotFound");
    }
}

#[test]
fn a_link_to_read_does_not_write_and_a_link_to_write_does() {
    let (mut desk, author, reader, mimei, link) = shared(7, b"one", Rights::READER);
    desk.open(reader, &link).unwrap();
    assert_eq!(code(&desk.save(reader.node, mimei, None, b"mine").unwrap_err()), "access.denied");
    let write = desk.share(author.node, mimei, ShareTo::Link, Rights::WRITER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let writer = desk.seat();
    let (view, _, _) = desk.open(writer, &write).unwrap();
    assert!(view.rights.has(Right::Save) && !view.rights.has(Right::SetRights));
    let (version, number) = desk.save(writer.node, mimei, None, b"ours").unwrap();
    assert_eq!(number, 2);
    desk.settle(writer.node, mimei).unwrap();
    while desk.view(author.node, mimei).versions.len() < 2 {
        desk.sim.run_for(10);
    }
    assert_eq!(desk.read(author.node, mimei, version, None).unwrap(), b"ours");
    assert_eq!(code(&desk.share(writer.node, mimei, ShareTo::Everyone, Rights::READER).unwrap_err()), "access.denied");
}

#[test]
fn what_is_open_to_everyone_needs_no_secret() {
    for is_public in [false, true] {
        let mut desk = Desk::new(8, sim::Link::good());
        let (author, reader) = (desk.seat(), desk.seat());
        let mimei = desk.create(author.node, Kind::File, "poster", is_public);
        desk.save(author.node, mimei, None, b"come all").unwrap();
        if !is_public {
            desk.share(author.node, mimei, ShareTo::Everyone, Rights::READER).unwrap();
        }
        desk.settle(author.node, mimei).unwrap();
        let (view, at, _) = desk.open(reader, &Link::new(mimei)).unwrap();
        assert!(view.everyone.has(Right::Read));
        assert_eq!(desk.read(reader.node, mimei, at.unwrap(), None).unwrap(), b"come all");
        // The relay reads it too, for its web page.
        let version = view.versions[0].version;
        assert_eq!(desk.read(desk.relay, mimei, version, None).unwrap(), b"come all");
    }
}

#[test]
fn what_was_saved_without_a_relay_is_sent_when_there_is_one() {
    let mut desk = Desk::new(9, sim::Link::good());
    let (author, reader) = (desk.seat(), desk.seat());
    desk.sim.partition(author.node, desk.relay);
    desk.sim.tear(author.session);
    desk.sim.run_for(100);
    let mimei = desk.create(author.node, Kind::File, "diary", false);
    let text = bytes(9, 700_000);
    desk.save(author.node, mimei, None, &text).unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    assert_eq!(code(&desk.settle(author.node, mimei).unwrap_err()), "offline.waiting");
    assert!(desk.view(author.node, mimei).is_waiting);
    desk.sim.crash(author.node);
    desk.sim.restart(author.node);
    assert!(desk.view(author.node, mimei).is_waiting, "what waits outlives a crash");
    desk.sim.heal(author.node, desk.relay);
    desk.dial(author.node);
    desk.settle(author.node, mimei).unwrap();
    let (_, at, _) = desk.open(reader, &link).unwrap();
    assert_eq!(desk.read(reader.node, mimei, at.unwrap(), None).unwrap(), text);
}

/// Two writers who saved apart; both versions are at the relay.
fn apart(seed: u64, kind: Kind, names: [Option<&str>; 2]) -> (Desk, Seat, Seat, MimeiId) {
    let mut desk = Desk::new(seed, sim::Link::good());
    let (author, writer) = (desk.seat(), desk.seat());
    let mimei = desk.create(author.node, kind, "plan", false);
    desk.save(author.node, mimei, names[0], b"base").unwrap();
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::WRITER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.open(writer, &link).unwrap();
    let version = desk.view(writer.node, mimei).versions[0].version;
    desk.list(writer.node, mimei, version).unwrap();
    desk.sim.tear(writer.session);
    desk.sim.run_for(1000);
    desk.save(writer.node, mimei, names[1], b"theirs").unwrap();
    desk.save(author.node, mimei, names[0], b"ours").unwrap();
    desk.settle(author.node, mimei).unwrap();
    let session = desk.dial(writer.node);
    desk.settle(writer.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    (desk, author, Seat { session, ..writer }, mimei)
}

#[test]
fn two_who_saved_apart_see_unmerged_and_choosing_one_settles_both() {
    let (mut desk, author, writer, mimei) = apart(10, Kind::File, [None, None]);
    for seat in [author, writer] {
        let view = desk.view(seat.node, mimei);
        assert_eq!((view.tips.len(), view.versions.len()), (2, 3));
    }
    let chosen = desk.view(author.node, mimei).tips[1].last;
    desk.run(author.node, ItemCommand::Choose { mimei, version: chosen }).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.sim.run_for(5_000);
    for seat in [author, writer] {
        let view = desk.view(seat.node, mimei);
        assert_eq!((view.tips.len(), view.tips[0].last), (1, chosen));
    }
    let base = desk.view(author.node, mimei).versions[0].version;
    let refused = desk.run(author.node, ItemCommand::Choose { mimei, version: base }).unwrap_err();
    assert_eq!(code(&refused), "argument.invalid");
}

#[test]
fn a_folder_is_merged_entry_by_entry() {
    let (mut desk, author, _, mimei) = apart(11, Kind::Folder, [Some("a.txt"), Some("b.txt")]);
    let ItemOutcome::Saved { version, kept_twice, .. } = desk.run(author.node, ItemCommand::Merge { mimei }).unwrap()
    else {
        panic!("not merged")
    };
    assert_eq!(kept_twice, []);
    assert_eq!(desk.read(author.node, mimei, version, Some("a.txt")).unwrap(), b"ours");
    assert_eq!(desk.read(author.node, mimei, version, Some("b.txt")).unwrap(), b"theirs");
    assert_eq!(desk.view(author.node, mimei).tips.len(), 1);
}

#[test]
fn a_file_that_both_changed_is_kept_under_two_names() {
    let (mut desk, author, writer, mimei) = apart(12, Kind::Folder, [Some("a.txt"), Some("a.txt")]);
    let ItemOutcome::Saved { version, kept_twice, .. } = desk.run(writer.node, ItemCommand::Merge { mimei }).unwrap()
    else {
        panic!("not merged")
    };
    assert_eq!(kept_twice.len(), 1);
    desk.settle(writer.node, mimei).unwrap();
    let second = kept_twice[0].as_str();
    assert!(second.starts_with("a (other ") && second.ends_with(").txt"), "{second}");
    let mut both = [Some("a.txt"), Some(second)].map(|name| desk.read(author.node, mimei, version, name).unwrap());
    both.sort();
    assert_eq!(both, [b"ours".to_vec(), b"theirs".to_vec()]);
}

#[test]
fn a_relay_keeps_no_more_for_an_author_than_its_owner_says() {
    let mut desk = Desk::new(13, sim::Link::good());
    let relay = desk.relay;
    let welcome = CreditPolicy::open().welcome.map(|terms| Terms { space: 600_000, ..terms });
    desk.sim.node_mut(relay).credit.welcome = welcome;
    desk.sim.crash(relay);
    desk.sim.restart(relay);
    let author = desk.seat();
    let mimei = desk.create(author.node, Kind::File, "film", false);
    desk.save(author.node, mimei, None, &bytes(13, 500_000)).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.save(author.node, mimei, None, &bytes(14, 500_000)).unwrap();
    let CommandError::Refused(refusal) = desk.settle(author.node, mimei).unwrap_err() else { panic!("not refused") };
    assert_eq!(refusal.code, RefusalCode::Full);
    assert!(desk.view(author.node, mimei).is_waiting, "nothing is lost here");
}

#[test]
fn a_relay_that_crashes_at_any_moment_of_an_upload_has_what_it_acknowledged() {
    tests::seeds::each(0..12, |seed| {
        let mut desk = Desk::new(seed, sim::Link::good());
        let (author, reader) = (desk.seat(), desk.seat());
        let mimei = desk.create(author.node, Kind::File, "film", false);
        let text = bytes(seed, 1_200_000);
        desk.save(author.node, mimei, None, &text).unwrap();
        let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
        desk.sim.run_for(seed * 3);
        let relay = desk.relay;
        desk.sim.crash(relay);
        desk.sim.restart(relay);
        desk.sim.run_for(100);
        desk.dial(author.node);
        desk.settle(author.node, mimei).unwrap();
        desk.sim.crash(relay);
        desk.sim.restart(relay);
        let session = desk.dial(reader.node);
        let (_, at, _) = desk.open(Seat { session, ..reader }, &link).unwrap();
        assert_eq!(desk.read(reader.node, mimei, at.unwrap(), None).unwrap(), text);
    });
}

#[test]
fn a_piece_of_another_length_than_its_file_says_is_refused() {
    let (mut desk, author, reader, mimei, link) = shared(15, b"one", Rights::READER);
    let honest = desk.pieces(author.node, mimei, b"five!").unwrap();
    let file = Some(NewFile { length: 7, ..honest });
    let edits = vec![Edit { name: None, file }];
    desk.run(author.node, ItemCommand::Save { mimei, edits, memo: String::new() }).unwrap();
    desk.settle(author.node, mimei).unwrap();
    let (_, at, _) = desk.open(reader, &link).unwrap();
    assert_eq!(code(&desk.read(reader.node, mimei, at.unwrap(), None).unwrap_err()), "verify.failed");
}

#[test]
fn what_fails_at_a_store_is_tried_again_without_being_asked() {
    for failing in ["the author's", "the relay's"] {
        let (mut desk, author, reader, mimei, link) = shared(16, b"one", Rights::READER);
        desk.open(reader, &link).unwrap();
        let node = if failing == "the relay's" { desk.relay } else { author.node };
        let file = desk.pieces(author.node, mimei, b"two").unwrap();
        desk.sim.partition(author.node, desk.relay);
        let edits = vec![Edit { name: None, file: Some(file) }];
        desk.run(author.node, ItemCommand::Save { mimei, edits, memo: String::new() }).unwrap();
        desk.sim.node_mut(node).temper.store_faults = 1_000_000;
        desk.sim.heal(author.node, desk.relay);
        desk.sim.run_for(2_000);
        desk.sim.node_mut(node).temper.store_faults = 0;
        let arrived = |sim: &sim::Sim| sim.node(reader.node).changes(&mimei) > 3;
        desk.sim.run_until(120_000, arrived);
        assert!(!desk.view(author.node, mimei).is_waiting, "{failing} store");
        assert_eq!(desk.view(reader.node, mimei).versions.len(), 2, "{failing} store");
    }
}

#[test]
fn what_is_saved_again_unchanged_is_the_version_that_is_there() {
    let (mut desk, author, _, mimei, _) = shared(17, b"one", Rights::READER);
    let before = desk.view(author.node, mimei);
    let (version, number) = desk.save(author.node, mimei, None, b"one").unwrap();
    assert_eq!((version, number), (before.tips[0].last, 1));
    assert_eq!(desk.view(author.node, mimei).versions.len(), 1);
    let file = desk.pieces(author.node, mimei, b"one").unwrap();
    let edits = vec![Edit { name: None, file: Some(file) }];
    let memo = ItemCommand::Save { mimei, edits, memo: "said of it".into() };
    for number in [2, 2] {
        let ItemOutcome::Saved { number: saved, .. } = desk.run(author.node, memo.clone()).unwrap() else {
            panic!("not saved")
        };
        assert_eq!(saved, number, "what is said of a version is a part of it");
    }
    assert_eq!(desk.save(author.node, mimei, None, b"two").unwrap().1, 3);
    assert_eq!(desk.save(author.node, mimei, None, b"one").unwrap().1, 4, "an older state is new again");
}

#[test]
fn when_a_relay_was_seen_is_known_after_the_next_start() {
    let (mut desk, _, reader, mimei, link) = shared(18, b"one", Rights::READER);
    desk.open(reader, &link).unwrap();
    desk.sim.run_for(1_000);
    let seen = desk.view(reader.node, mimei).seen;
    assert!(seen.is_some());
    // What is not kept strictly lasts when something that is comes after it.
    desk.create(reader.node, Kind::File, "own", false);
    desk.sim.crash(reader.node);
    desk.sim.restart(reader.node);
    desk.sim.run_for(60_000);
    assert_eq!(desk.view(reader.node, mimei).seen, seen);
}
