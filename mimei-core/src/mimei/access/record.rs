use alloc::vec::Vec;

use super::keys::EpochKeys;
use crate::cid::{AccessId, HeadId, MimeiId, UserId};
use crate::mimei::limits::{ACCEPTED_MAX, ACCESS_RELAYS_MAX, AUDIENCES_MAX, DECIDES_MAX, RULERS_MAX};
use crate::mimei::rights::{Right, Rights};
use crate::mimei::shape::{Reserved, strictly_rising};
use crate::mimei::signer::Signer;
use crate::order;
use crate::record::{record, union};
use crate::sign::{SealKey, SignKey};
use crate::time::Millis;

record! {
    /// The public keys of a link, both derived from the secret in its fragment.
    #[derive(Copy, PartialOrd, Ord)]
    pub struct LinkKeys {
        /// What the epoch's key is sealed to.
        "seal" => seal: SealKey,
        /// What proves that somebody has the link.
        "sign" => sign: SignKey,
    }
}

record! {
    /// Whoever comes.
    #[derive(Copy, PartialOrd, Ord)]
    pub struct Everyone {}
}

union! {
    /// To whom rights are given.
    #[derive(Copy, PartialOrd, Ord)]
    pub enum Who {
        /// A user.
        "user" => User(UserId),
        /// Whoever has a link's secret.
        "link" => Link(LinkKeys),
        /// Whoever comes.
        "everyone" => Everyone(Everyone),
    }
}

record! {
    /// A standing grant.
    pub struct Audience {
        /// To whom.
        "who" => who: Who,
        /// When it ends, by the clock of whoever asks; null if it does not.
        "until" => until: Option<Millis>,
        /// What.
        "rights" => rights: Rights,
        /// What its traffic may cost: for a later version of the format.
        "sponsor" => sponsor: Reserved,
    }
}

record! {
    /// Who may do what, from here on.
    pub struct AccessRecord {
        /// Who says so.
        "by" => by: Signer,
        /// One more than the record's that it follows; the implied record has 0.
        "seq" => seq: u64,
        /// Who orders operations: for a later version of the format.
        "host" => host: Reserved,
        /// The keys of the data; null while the MiMei is as public as it was created, which
        /// everyone may read.
        "keys" => keys: Option<EpochKeys>,
        /// The record it follows; null for the implied one.
        "prev" => prev: Option<AccessId>,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// Relays whose word counts on when they saw a head, in rising order.
        "relays" => relays: Vec<UserId>,
        /// The newest records of losing branches that the signer knew, in rising order: what
        /// those removed is decided by this record.
        "decides" => decides: Vec<AccessId>,
        /// Relays that keep a copy, in rising order.
        "mirrors" => mirrors: Vec<UserId>,
        /// Heads that stand although their signer lost its right, in rising order.
        "accepted" => accepted: Vec<HeadId>,
        /// Who has which rights beside the author, in rising order.
        "audiences" => audiences: Vec<Audience>,
    }
}

impl Audience {
    /// A grant without an end.
    pub fn new(who: impl Into<Who>, rights: Rights) -> Self {
        Self { who: who.into(), until: None, rights, sponsor: Reserved }
    }

    /// The rights at a time.
    pub(super) fn rights_at(&self, now: Millis) -> Rights {
        if self.until.is_some_and(|until| until <= now) { Rights::NONE } else { self.rights }
    }
}

impl AccessRecord {
    /// What it gives to somebody, whenever it ends.
    pub fn audience(&self, who: &Who) -> Option<&Audience> {
        self.audiences.binary_search_by(|audience| audience.who.cmp(who)).ok().map(|at| &self.audiences[at])
    }

    /// What it gives to whoever has the link with that signing key.
    pub fn link(&self, key: &SignKey) -> Option<&Audience> {
        self.audiences.iter().find(|audience| matches!(&audience.who, Who::Link(link) if link.sign == *key))
    }

    /// What it gives to whoever comes, whenever it ends.
    pub fn everyone(&self) -> Rights {
        self.audience(&Who::Everyone(Everyone {})).map(|audience| audience.rights).unwrap_or_default()
    }

    /// The users beside the author whom it gives set-rights.
    pub(super) fn rulers(&self) -> impl Iterator<Item = UserId> {
        self.audiences.iter().filter_map(|audience| match audience.who {
            Who::User(user) if audience.rights.has(Right::SetRights) => Some(user),
            _ => None,
        })
    }

    /// The rule of form that it breaks, if it breaks one.
    pub(super) fn fault(&self, author: &UserId) -> Option<&'static str> {
        let whos: Vec<_> = self.audiences.iter().map(|audience| audience.who).collect();
        if whos.len() > AUDIENCES_MAX || !strictly_rising(&whos) {
            Some("its audiences are too many or not in rising order")
        } else if self.relays.len() > ACCESS_RELAYS_MAX || !strictly_rising(&self.relays) {
            Some("its relays are too many or not in rising order")
        } else if self.mirrors.len() > ACCESS_RELAYS_MAX || !strictly_rising(&self.mirrors) {
            Some("its mirrors are too many or not in rising order")
        } else if self.accepted.len() > ACCEPTED_MAX || !strictly_rising(&self.accepted) {
            Some("the heads it accepts are too many or not in rising order")
        } else if self.decides.len() > DECIDES_MAX || !strictly_rising(&self.decides) {
            Some("the records it decides about are too many or not in rising order")
        } else if self.by.proof.is_some() {
            Some("only a user can set rights, not a link")
        } else if self.rulers().count() > RULERS_MAX {
            Some("too many users have set-rights")
        } else {
            self.audience_fault(author).or_else(|| self.keys_fault())
        }
    }

    fn keys_fault(&self) -> Option<&'static str> {
        match &self.keys {
            Some(keys) => keys.fault(self),
            None if self.everyone().has(Right::Read) => None,
            None => Some("without keys everyone must have the right to read"),
        }
    }

    fn audience_fault(&self, author: &UserId) -> Option<&'static str> {
        let mut links: Vec<SignKey> = Vec::new();
        for audience in &self.audiences {
            match &audience.who {
                _ if audience.rights.is_empty() => return Some("an audience has no right"),
                Who::User(user) if user == author => return Some("the author has every right without being named"),
                Who::User(_) if audience.rights.has(Right::SetRights) && audience.until.is_some() => {
                    return Some("set-rights cannot end by date, as no clock decides who rules");
                }
                Who::User(_) => {}
                _ if audience.rights.has(Right::SetRights) => return Some("only a user can have set-rights"),
                Who::Link(link) => links.push(link.sign),
                Who::Everyone(_) => {}
            }
        }
        order::sort(&mut links);
        if strictly_rising(&links) { None } else { Some("a link is named twice") }
    }
}
