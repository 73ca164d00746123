//! What a driver may want of the MiMeis on this device, and what it gets.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cid::{Cid, HeadId, MimeiId, UserId, VersionId};
use crate::link::{At, Link};
use crate::mimei::{App, Contents, Ext, FileName, Kind, MediaType, Rights, UploadId, Who};
use crate::peer::ConnectionId;
use crate::seeded::Seed;
use crate::sign::SignKey;
use crate::time::Millis;

/// What a driver may want of the MiMeis on this device.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemCommand {
    /// Makes a MiMei, or opens the one that is there; answered by [`ItemOutcome::Item`].
    Create(NewItem),
    /// Opens what a link names; answered by [`ItemOutcome::Item`]. What is known here is shown
    /// although no relay answers.
    Open {
        /// The link.
        link: Link,
        /// The session with a relay that has it; none to look at what is here only.
        relay: Option<ConnectionId>,
    },
    /// Looks at a MiMei that is here; answered by [`ItemOutcome::Item`].
    View(MimeiId),
    /// The MiMeis that are here; answered by [`ItemOutcome::Mimeis`].
    Known,
    /// Seals and keeps one piece of a file; answered by [`ItemOutcome::Piece`].
    PutPiece {
        /// In which MiMei.
        mimei: MimeiId,
        /// At most [`PIECE_BYTES`](crate::mimei::PIECE_BYTES); only the last piece has fewer.
        bytes: Vec<u8>,
    },
    /// The next pieces of a file that is being put: relays are told, so that others may read what is there;
    /// answered by [`ItemOutcome::Done`].
    TellUpload {
        /// Into which MiMei.
        mimei: MimeiId,
        /// The pieces.
        part: UploadPart,
    },
    /// An upload that was told of is over; answered by [`ItemOutcome::Done`].
    EndUpload {
        /// Into which MiMei.
        mimei: MimeiId,
        /// Which upload.
        upload: UploadId,
        /// Whether a version was saved that holds it.
        is_saved: bool,
    },
    /// What an upload of somebody else holds so far; answered by [`ItemOutcome::Files`].
    ListUpload {
        /// Of which MiMei.
        mimei: MimeiId,
        /// Which upload, as [`ItemView::uploads`] names it.
        upload: UploadId,
    },
    /// Saves a version and signs a head over all tips; answered by [`ItemOutcome::Saved`]. It is
    /// durable here then, and sent by itself. Where nothing changes, the version that is there is the answer.
    Save {
        /// Of which MiMei.
        mimei: MimeiId,
        /// What changes; nothing else does.
        edits: Vec<Edit>,
        /// What is said of the version; empty for nothing.
        memo: String,
    },
    /// What a version holds; answered by [`ItemOutcome::Files`].
    List {
        /// Of which MiMei.
        mimei: MimeiId,
        /// Which version.
        version: VersionId,
    },
    /// One piece of a file; answered by [`ItemOutcome::Bytes`].
    Read {
        /// Of which MiMei.
        mimei: MimeiId,
        /// The file, as [`ItemCommand::List`] told it.
        contents: Contents,
        /// Where the piece begins: a multiple of [`PIECE_BYTES`](crate::mimei::PIECE_BYTES).
        offset: u64,
    },
    /// Lets others in; answered by [`ItemOutcome::Link`].
    Share {
        /// Into which MiMei.
        mimei: MimeiId,
        /// Whom.
        to: ShareTo,
        /// To do what.
        rights: Rights,
        /// When it ends, by the clocks of those who look; none if it does not.
        until: Option<Millis>,
        /// Fresh randomness.
        seed: Seed,
    },
    /// Takes back what a share gave; answered by [`ItemOutcome::Done`]. Who could read keeps what was
    /// read; what is saved from then on is sealed under a key that they do not get.
    Unshare {
        /// From which MiMei.
        mimei: MimeiId,
        /// Whom.
        with: SharedWith,
        /// Fresh randomness.
        seed: Seed,
    },
    /// Chooses the version that visitors see; answered by [`ItemOutcome::Done`].
    Release {
        /// Of which MiMei.
        mimei: MimeiId,
        /// Which version.
        version: VersionId,
    },
    /// Settles on one of several tips with a head over all of them; answered by [`ItemOutcome::Done`].
    Choose {
        /// Of which MiMei.
        mimei: MimeiId,
        /// The `last` of the tip that is to stay.
        version: VersionId,
    },
    /// Joins the tips of a folder entry by entry; answered by [`ItemOutcome::Saved`].
    Merge {
        /// Of which MiMei.
        mimei: MimeiId,
    },
    /// Which version a name means now; answered by [`ItemOutcome::Version`].
    Resolve {
        /// Of which MiMei.
        mimei: MimeiId,
        /// The name.
        at: At,
    },
    /// Waits until a relay has everything; answered by [`ItemOutcome::Done`].
    Settle {
        /// Of which MiMei.
        mimei: MimeiId,
    },
}

/// What makes a MiMei.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewItem {
    /// The app that makes it.
    pub app: App,
    /// What it is.
    pub kind: Kind,
    /// What follows the dot of a file's name.
    pub ext: Ext,
    /// What it is called.
    pub name: ItemName,
    /// Whether everyone may read it from the start; its blocks are never sealed.
    pub is_public: bool,
}

/// What a MiMei is called.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemName {
    /// By its author and app: the same name is the same MiMei for ever.
    Given(String),
    /// Like no other.
    Auto(Seed),
}

/// Whom a share lets in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ShareTo {
    /// Whoever has the link that comes back.
    Link,
    /// Whoever comes.
    Everyone,
}

/// Who has been let in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SharedWith {
    /// Whoever has the link with that signing key.
    Link(SignKey),
    /// Whoever comes.
    Everyone,
    /// A user.
    User(UserId),
}

impl From<&Who> for SharedWith {
    fn from(who: &Who) -> Self {
        match who {
            Who::Link(keys) => Self::Link(keys.sign),
            Who::Everyone(_) => Self::Everyone,
            Who::User(user) => Self::User(*user),
        }
    }
}

/// One share that is in force.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ShareView {
    /// Who was let in.
    pub with: SharedWith,
    /// To do what.
    pub rights: Rights,
    /// When it ends.
    pub until: Option<Millis>,
}

/// A device that signed two heads of which neither follows the other.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ForkView {
    /// The device.
    pub device: SignKey,
    /// The heads that prove it: two or more.
    pub heads: Vec<HeadId>,
}

/// One change of a state.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Edit {
    /// Which file of a folder; none for the contents of a file.
    pub name: Option<FileName>,
    /// What it holds from now on; none removes it.
    pub file: Option<NewFile>,
}

/// A file of pieces that were put before.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NewFile {
    /// The pieces in order.
    pub pieces: Vec<Cid>,
    /// Length in bytes of all of them.
    pub length: u64,
    /// What the writer says it is.
    pub media: crate::mimei::MediaType,
}

/// The next pieces of a file that is being put.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UploadPart {
    /// Random, for this upload alone.
    pub upload: UploadId,
    /// The file's name in a folder; none for the contents of a file.
    pub name: Option<FileName>,
    /// What the writer says it is.
    pub media: MediaType,
    /// Bytes that the file will have.
    pub total: u64,
    /// How many pieces were told of before.
    pub at: usize,
    /// Those that follow, in order; they were put before.
    pub pieces: Vec<Cid>,
}

/// An upload of somebody else that is under way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UploadView {
    /// Which.
    pub upload: UploadId,
    /// Who uploads.
    pub by: UserId,
    /// By which device.
    pub device: SignKey,
    /// The root of a state with what is there.
    pub root: Cid,
    /// Bytes that are there.
    pub done: u64,
    /// Bytes that the file will have.
    pub total: u64,
}

/// One file of a version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct FileEntry {
    /// Its name in a folder; none for the contents of a file.
    pub name: Option<FileName>,
    /// What it holds.
    pub contents: Contents,
}

/// What a MiMei looks like from here.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ItemView {
    /// Its id.
    pub mimei: MimeiId,
    /// What it is.
    pub kind: Kind,
    /// What follows the dot of its name.
    pub ext: Ext,
    /// The app that made it.
    pub app: App,
    /// Who made it.
    pub author: UserId,
    /// What this device may do.
    pub rights: Rights,
    /// What whoever comes may do.
    pub everyone: Rights,
    /// Who was let in and has not been shut out, whether or not the time is over.
    pub shares: Vec<ShareView>,
    /// Devices that broke their own history, with the proof: none of those heads counts.
    pub forks: Vec<ForkView>,
    /// The tips with states that differ, in winner order: more than one is unmerged.
    pub tips: Vec<TipView>,
    /// How many tips there are in all.
    pub tips_total: usize,
    /// The versions known, by number.
    pub versions: Vec<VersionView>,
    /// Uploads of others that are under way.
    pub uploads: Vec<UploadView>,
    /// Blocks that no relay has yet.
    pub unsent_blocks: u64,
    /// Whether anything waits for a relay.
    pub is_waiting: bool,
    /// When a relay last said what it has.
    pub seen: Option<Millis>,
}

/// One tip.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TipView {
    /// The head.
    pub head: HeadId,
    /// The newest version under it.
    pub last: VersionId,
    /// The version chosen for visitors.
    pub release: Option<VersionId>,
}

/// One version.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VersionView {
    /// Its id: exact content for ever.
    pub version: VersionId,
    /// Its number.
    pub number: u64,
    /// When it was saved, by its signer's clock.
    pub time: Millis,
    /// Who saved it.
    pub by: UserId,
    /// The versions it follows.
    pub parents: Vec<VersionId>,
}

/// What an [`ItemCommand`] led to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ItemOutcome {
    /// It was done.
    Done,
    /// A MiMei as it looks now, and the version that was asked for, if there is one yet.
    Item {
        /// The MiMei.
        view: Box<ItemView>,
        /// What the link's selector means; without one the release, else the newest version.
        at: Option<VersionId>,
        /// What a reader should know, such as that a relay showed less than was seen before.
        warning: Option<String>,
    },
    /// The MiMeis that are here.
    Mimeis(Vec<MimeiId>),
    /// The address of a piece.
    Piece(Cid),
    /// A version was saved.
    Saved {
        /// Its id.
        version: VersionId,
        /// Its number.
        number: u64,
        /// Names under which a merge kept a second file because both sides changed it.
        kept_twice: Vec<FileName>,
    },
    /// What a version holds, in the order of names.
    Files(Vec<FileEntry>),
    /// A piece.
    Bytes(Vec<u8>),
    /// A link without relays: the driver adds those it knows.
    Link(Link),
    /// A version.
    Version {
        /// Its id.
        version: VersionId,
        /// Its number.
        number: u64,
    },
}
