//! The story of a folder that several people write to while everything around them breaks.

use std::collections::BTreeMap;

use mimei_core::cid::MimeiId;
use mimei_core::mimei::{FileName, Kind, MediaType, Rights};
use mimei_core::peer::{Command, CommandId, Edit, ItemCommand, ItemOutcome, NewFile, Outcome, ShareTo};

use crate::desk::{Desk, Seat};
use crate::people::Person;
use crate::random::Random;
use crate::sim::{Dial, Link, NodeId, Temper};

/// Long enough for redials, timeouts and all that waits.
const CALM_MS: u64 = 240_000;

struct Writer {
    node: NodeId,
    /// What this device was told is saved, by file.
    saved: BTreeMap<String, Vec<u8>>,
    /// A save under way: piece, then version.
    step: Step,
    files: u64,
}

impl Writer {
    /// The device crashed: nobody can say whether the save under way was done.
    fn give_up(&mut self) {
        if let Step::Save(_, name, _) = std::mem::replace(&mut self.step, Step::Idle) {
            self.saved.remove(&name);
        }
    }
}

enum Step {
    Idle,
    Piece(CommandId, String, Vec<u8>),
    Save(CommandId, String, Vec<u8>),
}

/// Three people write to one folder, each to files of their own. Whatever was said to be saved is
/// in the folder in the end, on every device alike, and nobody is called an equivocator.
pub fn what_was_saved_arrives(seed: u64) -> String {
    let mut random = Random::new(seed ^ 0x7368_6172);
    let mut desk = Desk::new(seed, Link::good());
    let (mimei, nodes) = gather(&mut desk, &mut random);
    let mut writers: Vec<Writer> =
        nodes.into_iter().map(|node| Writer { node, saved: BTreeMap::new(), step: Step::Idle, files: 0 }).collect();
    let loss = random.within(0..20_000) as u32;
    desk.sim.set_link(Link { loss, ..Link::bad() });
    for _ in 0..random.within(20..60) {
        let at = random.within(0..writers.len() as u64) as usize;
        disturb(&mut desk, &mut random, &mut writers[at]);
        for writer in &mut writers {
            go_on(&mut desk, mimei, writer);
        }
        let pause = random.within(0..2_000);
        desk.sim.run_for(pause);
    }
    calm_down(&mut desk, mimei, &mut writers);
    agree(&mut desk, mimei, &writers);
    desk.sim.trace_hash()
}

/// An author and two who write by link, all with what there is, redialing from now on.
fn gather(desk: &mut Desk, random: &mut Random) -> (MimeiId, Vec<NodeId>) {
    let author = desk.seat();
    let mimei = desk.create(author.node, Kind::Folder, "shared", false);
    desk.save(author.node, mimei, Some("first"), b"first").expect("a first version");
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::WRITER).expect("a link");
    desk.settle(author.node, mimei).expect("the relay has it");
    let mut seats = vec![author];
    for _ in 0..2 {
        let person = Person::new(random);
        let seat = desk.seat_of(&person);
        let (_, at, _) = desk.open(seat, &link).expect("the link opens");
        desk.list(seat.node, mimei, at.expect("a version")).expect("a list");
        seats.push(seat);
    }
    for Seat { node, session } in &seats {
        desk.sim.tear(*session);
        let relay = desk.relay;
        desk.sim.dial(Dial::new(*node, relay).again_and_again());
    }
    (mimei, seats.into_iter().map(|seat| seat.node).collect())
}

fn disturb(desk: &mut Desk, random: &mut Random, writer: &mut Writer) {
    let relay = desk.relay;
    let node = *random.pick(&[relay, writer.node]);
    match random.within(0..10) {
        0..=2 if !desk.sim.node(node).runs() => desk.sim.restart(node),
        0 => {
            desk.sim.crash(node);
            if node == writer.node {
                writer.give_up();
            }
        }
        1 => desk.sim.partition(relay, writer.node),
        2 | 3 => desk.sim.heal(relay, writer.node),
        4 => {
            let torn = desk.sim.node(node).sessions().first().map(|opened| opened.connection);
            torn.into_iter().for_each(|connection| desk.sim.tear(connection));
        }
        5 => desk.sim.node_mut(node).temper.store_faults = random.within(0..100_000) as u32,
        _ => {}
    }
}

/// Goes on with a save, or begins one.
fn go_on(desk: &mut Desk, mimei: MimeiId, writer: &mut Writer) {
    let node = writer.node;
    if !desk.sim.node(node).runs() {
        return writer.give_up();
    }
    writer.step = match std::mem::replace(&mut writer.step, Step::Idle) {
        Step::Idle => {
            writer.files += 1;
            let name = format!("{node}-{}", writer.files % 4);
            let bytes = format!("{name} for the {}th time", writer.files).into_bytes();
            let command = ItemCommand::PutPiece { mimei, bytes: bytes.clone() };
            Step::Piece(desk.sim.command(node, Command::Item(command)), name, bytes)
        }
        Step::Piece(id, name, bytes) => match desk.sim.outcome(node, id).cloned() {
            Some(Ok(Outcome::Item(ItemOutcome::Piece(piece)))) => {
                let media = MediaType::new("text/plain").expect("a media type in form");
                let file = Some(NewFile { pieces: vec![piece], length: bytes.len() as u64, media });
                let name_in_folder = Some(FileName::new(&name).expect("a name in form"));
                let edits = vec![Edit { name: name_in_folder, file }];
                let command = ItemCommand::Save { mimei, edits, memo: String::new() };
                Step::Save(desk.sim.command(node, Command::Item(command)), name, bytes)
            }
            Some(_) => Step::Idle,
            None => Step::Piece(id, name, bytes),
        },
        Step::Save(id, name, bytes) => match desk.sim.outcome(node, id).cloned() {
            Some(Ok(Outcome::Item(ItemOutcome::Saved { .. }))) => {
                writer.saved.insert(name, bytes);
                Step::Idle
            }
            // Refused means that nothing was saved, or nobody can say: the file is not counted.
            Some(_) => {
                writer.saved.remove(&name);
                Step::Idle
            }
            None => Step::Save(id, name, bytes),
        },
    };
}

fn calm_down(desk: &mut Desk, mimei: MimeiId, writers: &mut [Writer]) {
    let relay = desk.relay;
    desk.sim.set_link(Link::good());
    for node in writers.iter().map(|writer| writer.node).chain([relay]) {
        desk.sim.heal(relay, node);
        desk.sim.node_mut(node).temper = Temper::calm();
        if !desk.sim.node(node).runs() {
            desk.sim.restart(node);
        }
    }
    desk.sim.run_for(CALM_MS);
    for writer in writers {
        // What was begun and not told is finished or was lost with a crash.
        if let Step::Save(id, name, bytes) = std::mem::replace(&mut writer.step, Step::Idle) {
            match desk.sim.outcome(writer.node, id) {
                Some(Ok(_)) => drop(writer.saved.insert(name, bytes)),
                _ => drop(writer.saved.remove(&name)),
            }
        }
        desk.settle(writer.node, mimei).expect("all that waits is sent");
    }
}

/// One of them joins what was saved apart; then all have the same, and all of it.
fn agree(desk: &mut Desk, mimei: MimeiId, writers: &[Writer]) {
    let first = writers[0].node;
    desk.sim.run_for(CALM_MS);
    if desk.view(first, mimei).tips.len() > 1 {
        desk.run(first, ItemCommand::Merge { mimei }).expect("folders merge");
        desk.settle(first, mimei).expect("the merge is sent");
        desk.sim.run_for(CALM_MS);
    }
    let tips = desk.view(first, mimei).tips;
    assert_eq!(tips.len(), 1, "one state is left");
    for writer in writers {
        assert_eq!(desk.view(writer.node, mimei).tips, tips, "device {} sees something else", writer.node);
        for (name, bytes) in &writer.saved {
            let found = desk.read(writers[1].node, mimei, tips[0].last, Some(name)).expect("a readable file");
            assert_eq!(&found, bytes, "{name} is not what was saved last");
        }
    }
}
