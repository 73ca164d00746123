use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use crate::cid::{AccessId, Cid, EntryId, HeadId, MimeiId, UserId};
use crate::credit::{Iou, Line, Mandate, Prices, Receipt};
use crate::identity::Entry;
use crate::mimei::{AccessRecord, Genesis, Head, Progress, Version};
use crate::record::{record, text_enum, union};
use crate::sign::{SignKey, Signature, Signed};
use crate::wire::{TicketAnswer, TicketAsk};

record! {
    /// The first frame of each side: who this is, in proof.
    pub struct Hello {
        /// The identity log of the user named in the handshake, each entry after those it follows.
        "log" => log: Vec<Signed<Entry>>,
    }
}

record! {
    /// Nothing to say beyond the message's name.
    pub struct Nothing {}
}

record! {
    /// Asks for what is new in a user's identity log.
    pub struct LogAsk {
        /// Whose.
        "user" => user: UserId,
        /// Newest entries that the asker has.
        "known" => known: Vec<EntryId>,
    }
}

record! {
    /// Entries of an identity log, each after those it follows.
    pub struct LogAnswer {
        /// The entries.
        "entries" => entries: Vec<Signed<Entry>>,
    }
}

record! {
    /// What a link's key signs in domain `mimei/exercise/1` to be used in one session.
    pub struct Exercise {
        /// In which MiMei.
        "mimei" => mimei: MimeiId,
        /// The hash of the session's handshake, so that the signature serves in no other.
        "session" => session: [u8; 32],
    }
}

record! {
    /// Uses a link in this session.
    pub struct EnterAsk {
        /// The link's signature over [`Exercise`].
        "sig" => sig: Signature,
        /// The link's signing key.
        "link" => link: SignKey,
        /// Into which MiMei.
        "mimei" => mimei: MimeiId,
    }
}

record! {
    /// Whose log is known, and how far.
    pub struct KnownLog {
        /// Whose.
        "user" => user: UserId,
        /// Newest entries known.
        "known" => known: Vec<EntryId>,
    }
}

record! {
    /// Which records of a MiMei somebody has: with these, all that they follow.
    pub struct Has {
        /// Heads that no other follows, in rising order.
        "heads" => heads: Vec<HeadId>,
        /// Access records that no other follows, in rising order.
        "access" => access: Vec<AccessId>,
    }
}

record! {
    /// Asks for what is new of a MiMei.
    pub struct LookAsk {
        /// What the asker has.
        "has" => has: Has,
        /// The identity logs that it has.
        "logs" => logs: Vec<KnownLog>,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// Whether to be told from now on when something is new.
        "watch" => watch: bool,
    }
}

record! {
    /// Entries of a user's identity log, each after those it follows.
    pub struct LogPart {
        /// Whose.
        "user" => user: UserId,
        /// The entries.
        "entries" => entries: Vec<Signed<Entry>>,
    }
}

record! {
    /// Records of a MiMei; in each list those that others follow come first.
    #[derive(Default)]
    pub struct Records {
        /// Parts of the identity logs of signers.
        "logs" => logs: Vec<LogPart>,
        /// Heads.
        "heads" => heads: Vec<Signed<Head>>,
        /// Access records.
        "access" => access: Vec<Signed<AccessRecord>>,
        /// Versions.
        "versions" => versions: Vec<Signed<Version>>,
    }
}

record! {
    /// What is new of a MiMei.
    pub struct LookAnswer {
        /// What the answering side has.
        "has" => has: Has,
        /// Whether there is more than went into this answer; ask again.
        "more" => more: bool,
        /// The tips, the first 16 in winner order.
        "tips" => tips: Vec<HeadId>,
        /// How many tips there are.
        "total" => total: u64,
        /// The first record.
        "genesis" => genesis: Genesis,
        /// What the asker lacks.
        "records" => records: Records,
        /// Uploads that are under way, if the asker may read.
        "uploads" => uploads: Vec<Signed<Progress>>,
    }
}

record! {
    /// Brings records of a MiMei.
    pub struct PublishAsk {
        /// The tips that the sender saw, as the last answer listed them; null if it brings no heads.
        "seen" => seen: Option<Vec<HeadId>>,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// The first record, if the other side may lack it.
        "genesis" => genesis: Option<Genesis>,
        /// The records.
        "records" => records: Records,
    }
}

record! {
    /// Records were kept.
    pub struct PublishAnswer {
        /// The tips now, the first 16 in winner order.
        "tips" => tips: Vec<HeadId>,
    }
}

record! {
    /// Says how far an upload of the asking device has come.
    pub struct ProgressAsk {
        /// That.
        "progress" => progress: Signed<Progress>,
    }
}

record! {
    /// Asks which blocks of a MiMei are there.
    pub struct HaveAsk {
        /// Their addresses.
        "cids" => cids: Vec<Cid>,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
    }
}

record! {
    /// Which blocks are there, with all that they name.
    pub struct HaveAnswer {
        /// For each that was asked for, in that order.
        "here" => here: Vec<bool>,
    }
}

text_enum! {
    /// Who is to pay for a block.
    pub enum Payer {
        /// The side that asks.
        "asker" => Asker,
        /// Who shared the MiMei; for reads, if nobody does, the strangers' pool.
        "sponsor" => Sponsor,
    }
}

record! {
    /// Brings a block of a MiMei.
    pub struct PutAsk {
        /// Its address.
        "cid" => cid: Cid,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// Who pays.
        "payer" => payer: Payer,
    }
}

record! {
    /// Wants a block of a MiMei.
    pub struct GetAsk {
        /// Its address.
        "cid" => cid: Cid,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// Who pays.
        "payer" => payer: Payer,
    }
}

record! {
    /// Asks for the account of this user, and shows what the asker has of it.
    pub struct CreditAsk {
        /// The newest IOU of the asking device.
        "iou" => iou: Option<Signed<Iou>>,
        /// The newest line.
        "line" => line: Option<Signed<Line>>,
        /// The newest receipt.
        "receipt" => receipt: Option<Signed<Receipt>>,
    }
}

record! {
    /// Pays with a signature.
    pub struct PayAsk {
        /// The IOU, by the device of this session.
        "iou" => iou: Signed<Iou>,
    }
}

record! {
    /// Pays in advance for others.
    pub struct MandateAsk {
        /// The mandate, by the user of this session.
        "mandate" => mandate: Signed<Mandate>,
    }
}

record! {
    /// Uses an invite.
    pub struct AcceptAsk {
        /// The invite's signature over `{invite, session}`.
        "sig" => sig: Signature,
        /// The invite's public key.
        "invite" => invite: SignKey,
    }
}

record! {
    /// A mandate and what was served under it.
    pub struct MandateUse {
        /// In all.
        "used" => used: u64,
        /// Today, by the creditor's clock.
        "today" => today: u64,
        /// The mandate.
        "mandate" => mandate: Signed<Mandate>,
    }
}

record! {
    /// What a creditor has of an account.
    pub struct Statement {
        /// The newest IOU of each device, the asking one's too.
        "ious" => ious: Vec<Signed<Iou>>,
        /// The newest line.
        "line" => line: Option<Signed<Line>>,
        /// The price list.
        "prices" => prices: Signed<Prices>,
        /// What the asking device was served.
        "served" => served: u64,
        /// Bytes of blocks kept for the debtor.
        "stored" => stored: u64,
        /// The newest receipt.
        "receipt" => receipt: Option<Signed<Receipt>>,
        /// The mandates.
        "mandates" => mandates: Vec<MandateUse>,
    }
}

record! {
    /// Something is new of a MiMei that the other side watches.
    pub struct Tell {
        /// Of which.
        "mimei" => mimei: MimeiId,
    }
}

union! {
    /// What one side wants of the other.
    pub enum Ask {
        /// An answer, to measure the round trip.
        "ping" => Ping(Nothing),
        /// Entries of an identity log.
        "log" => Log(LogAsk),
        /// To use a link in this session.
        "enter" => Enter(EnterAsk),
        /// What is new of a MiMei.
        "look" => Look(LookAsk),
        /// To keep records.
        "publish" => Publish(Box<PublishAsk>),
        /// To show others how far an upload has come.
        "progress" => Progress(Box<ProgressAsk>),
        /// Which blocks need not be brought.
        "have" => Have(HaveAsk),
        /// To keep a block, which follows in a block frame with the ask's number.
        "put" => Put(PutAsk),
        /// A block, which comes in a block frame with the ask's number instead of an answer.
        "get" => Get(GetAsk),
        /// To read blocks by HTTP.
        "ticket" => Ticket(TicketAsk),
        /// The account.
        "credit" => Credit(Box<CreditAsk>),
        /// To take an IOU.
        "pay" => Pay(Box<PayAsk>),
        /// To take a mandate.
        "mandate" => Mandate(Box<MandateAsk>),
        /// To take an invite.
        "accept" => Accept(AcceptAsk),
    }
}

union! {
    /// What an ask got.
    pub enum Answer {
        /// It was done.
        "done" => Done(Nothing),
        /// Entries of an identity log.
        "log" => Log(LogAnswer),
        /// What is new of a MiMei.
        "look" => Look(Box<LookAnswer>),
        /// Records were kept.
        "publish" => Publish(PublishAnswer),
        /// Which blocks are there.
        "have" => Have(HaveAnswer),
        /// What to show by HTTP.
        "ticket" => Ticket(TicketAnswer),
        /// The account.
        "credit" => Credit(Box<Statement>),
    }
}

text_enum! {
    /// Why an ask was refused: stable, for programs.
    pub enum RefusalCode {
        /// Too many asks are waiting; ask again when some have been answered.
        "busy" => Busy,
        /// There is no such thing here, or the asker may not know of it.
        "notFound" => NotFound,
        /// The asker lacks the right.
        "denied" => Denied,
        /// What was sent breaks a rule of the format.
        "invalid" => Invalid,
        /// The condition that the ask named does not hold any more.
        "conflict" => Conflict,
        /// There is no room.
        "full" => Full,
        /// Something that must come first is not here: a record, or a block that another names.
        "missing" => Missing,
        /// The store failed; nothing was changed.
        "store" => Store,
        /// Nobody pays for it.
        "unpaid" => Unpaid,
        /// The credit line is used up, or the signature for what was served lags.
        "paused" => Paused,
    }
}

record! {
    /// A refusal.
    pub struct Refusal {
        /// For programs.
        "code" => code: RefusalCode,
        /// For people.
        "message" => message: String,
    }
}

record! {
    /// The last message before a connection closes.
    pub struct Bye {
        /// For programs.
        "code" => code: String,
        /// For people.
        "message" => message: String,
    }
}

union! {
    /// Everything that is said. Asks carry a number that rises; answers name it.
    pub enum Message {
        /// Who this is.
        "hello" => Hello(Hello),
        /// A numbered ask.
        "ask" => Ask((u64, Ask)),
        /// The answer to the ask with that number.
        "answer" => Answer((u64, Answer)),
        /// The refusal of the ask with that number.
        "refuse" => Refuse((u64, Refusal)),
        /// Something is new of a MiMei.
        "tell" => Tell(Tell),
        /// The account of the side that is told has changed.
        "account" => Account(Nothing),
        /// The connection closes.
        "bye" => Bye(Bye),
    }
}

impl Refusal {
    /// A refusal with a sentence for people.
    pub fn new(code: RefusalCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

impl core::fmt::Display for Refusal {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.message)
    }
}

impl core::error::Error for Refusal {}
