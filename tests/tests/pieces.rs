//! Blocks that name no others: many are kept at once, each is counted once, and what follows waits for all.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, MimeiId};
use mimei_core::mimei::{App, Ext, FileName, Kind, MediaType};
use mimei_core::peer::{Command, Edit, ItemCommand, ItemName, ItemOutcome, Job, NewFile, NewItem, Outcome};
use mimei_core::store::{RowKey, Table};
use tests::people::Person;
use tests::random::Random;
use tests::solo::Solo;

struct Maker {
    person: Person,
    solo: Solo,
    mimei: MimeiId,
}

impl Maker {
    fn new() -> Self {
        let person = Person::new(&mut Random::new(1));
        let mut solo = Solo::with_root(person.device.clone(), person.log_copy(), &person.root, 1);
        let (app, ext) = (App::new("org.example.tests").unwrap(), Ext::new("").unwrap());
        let name = ItemName::Given("notes".into());
        let new = NewItem { app, kind: Kind::Folder, ext, name, is_public: false };
        let id = solo.command(Command::Item(ItemCommand::Create(new)));
        let Some(Ok(Outcome::Item(ItemOutcome::Item { view, .. }))) = solo.outcomes.remove(&id) else {
            panic!("it was not made")
        };
        Self { person, solo, mimei: view.mimei }
    }

    fn put(&mut self, bytes: &[u8]) -> u64 {
        self.solo.command(Command::Item(ItemCommand::PutPiece { mimei: self.mimei, bytes: bytes.to_vec() }))
    }

    fn piece(&mut self, id: u64) -> Cid {
        match self.solo.outcomes.remove(&id) {
            Some(Ok(Outcome::Item(ItemOutcome::Piece(cid)))) => cid,
            other => panic!("{other:?}"),
        }
    }

    fn usage(&self) -> u64 {
        let row = self.solo.store.row(&RowKey::new(Table::Usage, self.person.log_copy().user().cid().hash()));
        row.map_or(0, |row| u64::from_cbor(&row).unwrap())
    }
}

#[test]
fn pieces_that_come_together_are_asked_of_the_store_together() {
    let mut maker = Maker::new();
    maker.solo.hold_jobs();
    let ids: Vec<u64> = (0..8_u8).map(|piece| maker.put(&[piece; 40])).collect();
    maker.solo.release_jobs_until(|job| matches!(job, Job::Apply(_)));
    assert_eq!(maker.solo.jobs_held(), 8, "no change waits for the answer about another");
    maker.solo.release_jobs();
    let mut cids: Vec<Cid> = ids.into_iter().map(|id| maker.piece(id)).collect();
    cids.dedup();
    assert_eq!(cids.len(), 8);
}

#[test]
fn what_names_pieces_waits_for_those_under_way() {
    let mut maker = Maker::new();
    maker.solo.hold_jobs();
    let id = maker.put(b"contents");
    maker.solo.release_jobs_until(|job| matches!(job, Job::Apply(_)));
    let mut known = Maker::new();
    let of_known = known.put(b"contents");
    let file = NewFile { pieces: vec![known.piece(of_known)], length: 8, media: MediaType::default() };
    let edits = vec![Edit { name: Some(FileName::new("a").unwrap()), file: Some(file) }];
    let save = Command::Item(ItemCommand::Save { mimei: maker.mimei, edits, memo: String::new() });
    let save = maker.solo.command(save);
    assert_eq!(maker.solo.jobs_held(), 1, "only the piece is being kept");
    maker.solo.release_jobs();
    maker.piece(id);
    let saved = maker.solo.outcomes.remove(&save);
    assert!(matches!(saved, Some(Ok(Outcome::Item(ItemOutcome::Saved { number: 1, .. })))), "{saved:?}");
}

#[test]
fn a_piece_that_comes_twice_at_once_is_counted_once() {
    let mut maker = Maker::new();
    maker.solo.hold_jobs();
    let ids = [maker.put(b"the same"), maker.put(b"the same")];
    // Whoever looks now finds that it is not there yet.
    maker.solo.release_jobs_until(|job| matches!(job, Job::Apply(_)));
    maker.solo.release_jobs();
    assert_eq!(maker.piece(ids[0]), maker.piece(ids[1]));
    let mut once = Maker::new();
    once.put(b"the same");
    assert_eq!(maker.usage(), once.usage());
}
