use alloc::vec::Vec;

use crate::cid::{AccessId, HeadId, MimeiId, VersionId};
use crate::mimei::rights::{Right, Rights};
use crate::mimei::signer::Signer;
use crate::record::record;
use crate::time::Millis;

record! {
    /// What its signer would have visitors see. A head once stored is never replaced.
    pub struct Head {
        /// Who says so.
        "by" => by: Signer,
        /// One more than the largest of the heads before it; 1 without any.
        "seq" => seq: u64,
        /// The newest version.
        "last" => last: VersionId,
        /// The heads it follows, in rising order: the signer's own newest and all valid tips it saw.
        "prev" => prev: Vec<HeadId>,
        /// When, by the signer's clock.
        "time" => time: Millis,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// The access record it was written under; null for the implied one.
        "access" => access: Option<AccessId>,
        /// The version that visitors see, if one was chosen.
        "release" => release: Option<VersionId>,
    }
}

/// What a head changes.
pub(super) struct Changes {
    /// Its release is in none of the heads before it.
    pub(super) release: bool,
    /// It does anything else, be it choosing between versions.
    pub(super) other: bool,
}

impl Head {
    pub(super) fn changes<'a>(&self, prev: impl Iterator<Item = &'a Self> + Clone) -> Changes {
        let mut known = prev.clone().map(|head| head.release);
        let is_first = self.prev.is_empty();
        let release = if is_first { self.release.is_some() } else { known.all(|release| release != self.release) };
        let only_release = release && !is_first && prev.clone().all(|head| head.last == self.last);
        Changes { release, other: !only_release }
    }
}

impl Changes {
    /// The right that the signer must have had under the record it cites.
    pub(super) fn needs(&self) -> Rights {
        let release = if self.release { Rights::of(&[Right::Release]) } else { Rights::NONE };
        release.and(self.base())
    }

    /// The right that the signer must have now, or a record vouch for. Releases have a rule of their own.
    pub(super) fn base(&self) -> Rights {
        Rights::of(&[if self.other { Right::Save } else { Right::Release }])
    }
}
