use alloc::string::String;
use alloc::vec::Vec;

use crate::cid::{EntryId, UserId};
use crate::identity::Entry;
use crate::record::{record, text_enum, union};
use crate::sign::Signed;

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

union! {
    /// What one side wants of the other.
    pub enum Ask {
        /// An answer, to measure the round trip.
        "ping" => Ping(Nothing),
        /// Entries of an identity log.
        "log" => Log(LogAsk),
    }
}

union! {
    /// What an ask got.
    pub enum Answer {
        /// It was done.
        "done" => Done(Nothing),
        /// Entries of an identity log.
        "log" => Log(LogAnswer),
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
        /// The store failed; nothing was changed.
        "store" => Store,
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
