//! Two tabs of one profile: two peers that act by one device on one store, each with a memory of its own.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::MimeiId;
use mimei_core::mimei::{App, Ext, FileName, Kind, MediaType, Rights};
use mimei_core::peer::{
    Command, Edit, ItemCommand, ItemName, ItemOutcome, ItemView, Job, NewFile, NewItem, Outcome, ShareTo,
};
use mimei_core::store::{Batch, RowKey, Scan, Table};
use tests::people::Person;
use tests::random::Random;
use tests::solo::Solo;

struct Tabs {
    tabs: [Solo; 2],
    /// Which one has the store just now.
    at: usize,
}

/// A tab of the one profile, with an empty store.
fn tab(seed: u64) -> Solo {
    let person = Person::new(&mut Random::new(1));
    Solo::with_root(person.device.clone(), person.log_copy(), &person.root, seed)
}

impl Tabs {
    fn new() -> Self {
        Self { tabs: [tab(1), tab(2)], at: 0 }
    }

    /// Hands the store over: what a tab does next it does on what the other left.
    fn turn_to(&mut self, tab: usize) {
        if tab != self.at {
            let store = std::mem::take(&mut self.tabs[self.at].store);
            self.tabs[tab].store = store;
            self.at = tab;
        }
    }

    fn run(&mut self, tab: usize, command: ItemCommand) -> ItemOutcome {
        self.turn_to(tab);
        let id = self.tabs[tab].command(Command::Item(command));
        self.outcome(tab, id)
    }

    fn outcome(&mut self, tab: usize, id: u64) -> ItemOutcome {
        match self.tabs[tab].outcomes.remove(&id).unwrap() {
            Ok(Outcome::Item(outcome)) => outcome,
            other => panic!("{other:?}"),
        }
    }

    fn create(&mut self, tab: usize) -> MimeiId {
        let (app, ext) = (App::new("org.example.tests").unwrap(), Ext::new("").unwrap());
        let name = ItemName::Given("notes".into());
        let new = NewItem { app, kind: Kind::Folder, ext, name, is_public: false };
        match self.run(tab, ItemCommand::Create(new)) {
            ItemOutcome::Item { view, .. } => view.mimei,
            other => panic!("{other:?}"),
        }
    }

    fn save(&mut self, tab: usize, mimei: MimeiId, name: &str) -> u64 {
        let bytes = name.as_bytes().to_vec();
        let length = bytes.len() as u64;
        let ItemOutcome::Piece(piece) = self.run(tab, ItemCommand::PutPiece { mimei, bytes }) else {
            panic!("no piece")
        };
        let file = Some(NewFile { pieces: vec![piece], length, media: MediaType::default() });
        let edits = vec![Edit { name: Some(FileName::new(name).unwrap()), file }];
        match self.run(tab, ItemCommand::Save { mimei, edits, memo: String::new() }) {
            ItemOutcome::Saved { number, .. } => number,
            other => panic!("{other:?}"),
        }
    }

    fn view(&mut self, tab: usize, mimei: MimeiId) -> ItemView {
        match self.run(tab, ItemCommand::View(mimei)) {
            ItemOutcome::Item { view, .. } => *view,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_two_tabs_save_in_turn_is_one_history_and_nothing_is_lost() {
    let mut tabs = Tabs::new();
    let mimei = tabs.create(0);
    assert_eq!(tabs.create(1), mimei);
    for (number, tab) in [0, 1, 1, 0, 1, 0, 0].into_iter().enumerate() {
        let name = format!("file {number}");
        assert_eq!(tabs.save(tab, mimei, &name), number as u64 + 1, "each follows the one before");
    }
    let view = tabs.view(0, mimei);
    assert_eq!((view.tips_total, view.versions.len()), (1, 7), "no head of this device is a fork");
    let version = view.tips[0].last;
    let ItemOutcome::Files(files) = tabs.run(0, ItemCommand::List { mimei, version }) else { panic!("no list") };
    assert_eq!(files.len(), 7);
}

#[test]
fn heads_that_two_tabs_put_off_do_not_hide_each_others_versions() {
    let mut tabs = Tabs::new();
    let mimei = tabs.create(0);
    // As if a relay had had a head of this device in an earlier run.
    let sent = (RowKey::new(Table::Sent, mimei.cid().hash()), Vec::new());
    tabs.tabs[0].store.apply(&Batch { put: vec![sent], strict: true, ..Batch::default() }).unwrap();
    let store = std::mem::take(&mut tabs.tabs[0].store);
    let mut tabs = Tabs::new();
    tabs.tabs[0].store = store;
    tabs.create(0);
    tabs.create(1);
    for (number, tab) in [0, 1, 0, 1].into_iter().enumerate() {
        assert_eq!(tabs.save(tab, mimei, &format!("file {number}")), number as u64 + 1);
    }
    let view = tabs.view(1, mimei);
    assert_eq!((view.tips_total, view.versions.len()), (1, 4));
    let version = view.tips[0].last;
    let ItemOutcome::Files(files) = tabs.run(1, ItemCommand::List { mimei, version }) else { panic!("no list") };
    assert_eq!(files.len(), 4);
    let heads = Scan { table: Table::Head, prefix: mimei.cid().hash().to_vec(), after: None, limit: 10 };
    assert_eq!(tabs.tabs[tabs.at].store.scan(&heads), [], "a head was signed before a relay had told anything");
}

#[test]
fn what_two_tabs_keep_for_a_relay_does_not_overwrite_each_other() {
    let mut tabs = Tabs::new();
    let mimei = tabs.create(0);
    tabs.create(1);
    for (tab, bytes) in [(0, "one"), (1, "two"), (0, "three"), (1, "four")] {
        tabs.run(tab, ItemCommand::PutPiece { mimei, bytes: bytes.into() });
    }
    let scan = Scan { table: Table::Outbox, prefix: mimei.cid().hash().to_vec(), after: None, limit: 100 };
    assert_eq!(tabs.tabs[tabs.at].store.scan(&scan).len(), 4);
}

#[test]
fn links_that_two_tabs_make_all_stay_good() {
    let mut tabs = Tabs::new();
    let mimei = tabs.create(0);
    tabs.save(0, mimei, "a");
    tabs.create(1);
    let mut keys = Vec::new();
    for tab in [0, 1, 0, 1] {
        let seed = [keys.len() as u8 + 1; 32];
        let share = ItemCommand::Share { mimei, to: ShareTo::Link, rights: Rights::READER, until: None, seed };
        let ItemOutcome::Link(link) = tabs.run(tab, share) else { panic!("no link") };
        keys.push(link.secret.unwrap().keys().sign);
    }
    let scan = Scan { table: Table::Access, prefix: mimei.cid().hash().to_vec(), after: None, limit: 100 };
    let records = tabs.tabs[tabs.at].store.scan(&scan);
    use mimei_core::cbor::Cbor;
    let newest = mimei_core::sign::Signed::<mimei_core::mimei::AccessRecord>::from_cbor(&records[3].1).unwrap();
    assert!(records.len() == 4 && keys.iter().all(|key| newest.body.link(key).is_some()));
}

#[test]
fn a_tab_that_signs_while_another_is_about_to_makes_it_sign_anew() {
    let mut tabs = Tabs::new();
    let mimei = tabs.create(0);
    tabs.save(0, mimei, "first");
    tabs.create(1);
    tabs.turn_to(0);
    tabs.tabs[0].hold_jobs();
    let save = ItemCommand::Save { mimei, edits: vec![], memo: "slow".into() };
    let slow = tabs.tabs[0].command(Command::Item(save));
    tabs.tabs[0].release_jobs_until(|job| matches!(job, Job::Apply(_)));
    assert_eq!(tabs.tabs[0].jobs_held(), 1, "it has signed and is about to keep that");
    assert_eq!(tabs.save(1, mimei, "quick"), 2);
    tabs.turn_to(0);
    tabs.tabs[0].release_jobs();
    let ItemOutcome::Saved { number, .. } = tabs.outcome(0, slow) else { panic!("not saved") };
    assert_eq!(number, 3, "it follows what the other saved");
    assert_eq!(tabs.view(0, mimei).tips_total, 1);
}
