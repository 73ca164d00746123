//! A world with a relay and people who share MiMeis through it.

use mimei_core::cid::{Cid, MimeiId, VersionId};
use mimei_core::limits::ASK_MS_MAX;
use mimei_core::link::Link;
use mimei_core::mimei::{App, Ext, FileName, Kind, MediaType, PIECE_BYTES, Rights};
use mimei_core::peer::{
    AccountView, Command, CommandError, CreditCommand, CreditOutcome, CreditPolicy, Edit, FileEntry, ItemCommand,
    ItemName, ItemOutcome, ItemView, NewFile, NewItem, Outcome, ShareTo,
};

use crate::people::Person;
use crate::random::Random;
use crate::sim::{ConversationId, Dial, Link as Wire, NodeId, Sim, Temper};

/// Long enough for anything that is not stuck.
const PATIENCE_MS: u64 = 4 * ASK_MS_MAX;

/// What a command about a MiMei led to.
pub type Result<T> = core::result::Result<T, CommandError>;

/// A world with a relay.
pub struct Desk {
    /// The world.
    pub sim: Sim,
    /// The relay.
    pub relay: NodeId,
    random: Random,
}

/// Somebody at a device, with a session to the relay.
#[derive(Clone, Copy)]
pub struct Seat {
    /// The device.
    pub node: NodeId,
    /// The session.
    pub session: ConversationId,
}

impl Desk {
    /// A world with a relay and such links.
    pub fn new(seed: u64, wire: Wire) -> Self {
        let mut random = Random::new(seed);
        let owner = Person::new(&mut random);
        let mut sim = Sim::new(seed, wire);
        let relay = sim.add_person(&owner, Temper::calm());
        Self { sim, relay, random }
    }

    /// Somebody new who is connected.
    pub fn seat(&mut self) -> Seat {
        let person = Person::new(&mut self.random);
        self.seat_of(&person)
    }

    /// A device of somebody, connected.
    pub fn seat_of(&mut self, person: &Person) -> Seat {
        let node = self.sim.add_person(person, Temper::calm());
        let session = self.dial(node);
        Seat { node, session }
    }

    /// Connects a device with the relay.
    pub fn dial(&mut self, node: NodeId) -> ConversationId {
        let relay = self.relay;
        let session = self.sim.dial(Dial::new(node, relay));
        assert!(self.sim.run_until(PATIENCE_MS, |sim| sim.node(node).session(session).is_some()), "no session");
        session
    }

    /// Puts the clock of a node wrong by so much, as its machine starts anew; its sessions end.
    pub fn set_clock(&mut self, node: NodeId, ahead_ms: i64) {
        self.sim.crash(node);
        self.sim.node_mut(node).temper.clock_ahead_ms = ahead_ms;
        self.sim.restart(node);
    }

    /// The same device with a new session.
    pub fn back(&mut self, seat: Seat) -> Seat {
        Seat { session: self.dial(seat.node), ..seat }
    }

    /// Carries out a command to its end.
    pub fn run(&mut self, node: NodeId, command: ItemCommand) -> Result<ItemOutcome> {
        let id = self.sim.command(node, Command::Item(command));
        assert!(self.sim.run_until(PATIENCE_MS, |sim| sim.outcome(node, id).is_some()), "the command never ended");
        match self.sim.outcome(node, id).cloned() {
            Some(Ok(Outcome::Item(outcome))) => Ok(outcome),
            Some(Err(error)) => Err(error),
            other => panic!("another kind of outcome: {other:?}"),
        }
    }

    /// Carries out a command about accounts to its end.
    pub fn credit(&mut self, node: NodeId, command: CreditCommand) -> Result<CreditOutcome> {
        let id = self.sim.command(node, Command::Credit(command));
        assert!(self.sim.run_until(PATIENCE_MS, |sim| sim.outcome(node, id).is_some()), "the command never ended");
        match self.sim.outcome(node, id).cloned() {
            Some(Ok(Outcome::Credit(outcome))) => Ok(outcome),
            Some(Err(error)) => Err(error),
            other => panic!("another kind of outcome: {other:?}"),
        }
    }

    /// The accounts of a device or relay.
    pub fn accounts(&mut self, node: NodeId) -> Vec<AccountView> {
        match self.credit(node, CreditCommand::Accounts) {
            Ok(CreditOutcome::Accounts(accounts)) => accounts,
            other => panic!("no accounts: {other:?}"),
        }
    }

    /// The relay serves like this from now on; its sessions end.
    pub fn set_policy(&mut self, policy: CreditPolicy) {
        let relay = self.relay;
        self.sim.node_mut(relay).credit = policy;
        self.sim.crash(relay);
        self.sim.restart(relay);
    }

    /// Makes a MiMei.
    pub fn create(&mut self, node: NodeId, kind: Kind, name: &str, is_public: bool) -> MimeiId {
        let app = App::new("org.example.tests").expect("a name in form");
        let ext = Ext::new("").expect("an extension in form");
        let new = NewItem { app, kind, ext, name: ItemName::Given(name.into()), is_public };
        match self.run(node, ItemCommand::Create(new)) {
            Ok(ItemOutcome::Item { view, .. }) => view.mimei,
            other => panic!("not created: {other:?}"),
        }
    }

    /// Puts the pieces of a file.
    pub fn pieces(&mut self, node: NodeId, mimei: MimeiId, bytes: &[u8]) -> Result<NewFile> {
        let mut pieces: Vec<Cid> = Vec::new();
        let mut rest = bytes;
        loop {
            let (piece, later) = rest.split_at(rest.len().min(PIECE_BYTES as usize));
            match self.run(node, ItemCommand::PutPiece { mimei, bytes: piece.to_vec() })? {
                ItemOutcome::Piece(cid) => pieces.push(cid),
                other => panic!("not a piece: {other:?}"),
            }
            rest = later;
            if rest.is_empty() {
                let media = MediaType::new("text/plain").expect("a media type in form");
                return Ok(NewFile { pieces, length: bytes.len() as u64, media });
            }
        }
    }

    /// Saves contents under a name, or as the contents of a file MiMei.
    pub fn save(&mut self, node: NodeId, mimei: MimeiId, name: Option<&str>, bytes: &[u8]) -> Result<(VersionId, u64)> {
        let file = Some(self.pieces(node, mimei, bytes)?);
        let name = name.map(|name| FileName::new(name).expect("a name in form"));
        match self.run(node, ItemCommand::Save { mimei, edits: vec![Edit { name, file }], memo: String::new() })? {
            ItemOutcome::Saved { version, number, .. } => Ok((version, number)),
            other => panic!("not saved: {other:?}"),
        }
    }

    /// Waits until the relay has everything.
    pub fn settle(&mut self, node: NodeId, mimei: MimeiId) -> Result<()> {
        self.run(node, ItemCommand::Settle { mimei }).map(|_| ())
    }

    /// A link for whoever has it.
    pub fn share(&mut self, node: NodeId, mimei: MimeiId, to: ShareTo, rights: Rights) -> Result<Link> {
        let seed = self.random.bytes32();
        match self.run(node, ItemCommand::Share { mimei, to, rights, until: None, seed })? {
            ItemOutcome::Link(link) => Ok(link),
            other => panic!("not a link: {other:?}"),
        }
    }

    /// Opens a link; what is shown, which version, and the warning.
    pub fn open(&mut self, seat: Seat, link: &Link) -> Result<(ItemView, Option<VersionId>, Option<String>)> {
        match self.run(seat.node, ItemCommand::Open { link: link.clone(), relay: Some(seat.session) })? {
            ItemOutcome::Item { view, at, warning } => Ok((*view, at, warning)),
            other => panic!("not opened: {other:?}"),
        }
    }

    /// What a MiMei looks like from a device.
    pub fn view(&mut self, node: NodeId, mimei: MimeiId) -> ItemView {
        match self.run(node, ItemCommand::View(mimei)) {
            Ok(ItemOutcome::Item { view, .. }) => *view,
            other => panic!("not shown: {other:?}"),
        }
    }

    /// The files of a version.
    pub fn list(&mut self, node: NodeId, mimei: MimeiId, version: VersionId) -> Result<Vec<FileEntry>> {
        match self.run(node, ItemCommand::List { mimei, version })? {
            ItemOutcome::Files(files) => Ok(files),
            other => panic!("not a list: {other:?}"),
        }
    }

    /// All bytes of the file that a version holds under a name.
    pub fn read(&mut self, node: NodeId, mimei: MimeiId, version: VersionId, name: Option<&str>) -> Result<Vec<u8>> {
        let files = self.list(node, mimei, version)?;
        let found = files.into_iter().find(|file| file.name.as_ref().map(FileName::as_str) == name);
        let contents = found.expect("the file is there").contents;
        let mut bytes = Vec::new();
        for (offset, _) in mimei_core::mimei::pieces(contents.length) {
            match self.run(node, ItemCommand::Read { mimei, contents: contents.clone(), offset })? {
                ItemOutcome::Bytes(piece) => bytes.extend(piece),
                other => panic!("not a piece: {other:?}"),
            }
        }
        Ok(bytes)
    }
}
