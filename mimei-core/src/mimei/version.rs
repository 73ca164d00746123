//! One saved state of a MiMei.

use alloc::vec::Vec;
use core::fmt;

use super::limits::VERSION_PARENTS_MAX;
use super::shape::{Reserved, strictly_rising};
use super::signer::{Logs, Signer, SignerError};
use crate::cbor::Cbor;
use crate::cid::{Cid, MimeiId, VersionId};
use crate::record::record;
use crate::sign::{Domain, Signed};
use crate::time::Millis;

record! {
    /// One saved state. The record is kept for ever, even when its data is deleted.
    pub struct Version {
        /// Who saved it.
        "by" => by: Signer,
        /// Root of the unsealed map from MiMei to count, if it references any.
        "refs" => refs: Option<Cid>,
        /// Root of the state.
        "root" => root: Cid,
        /// When, by the signer's clock.
        "time" => time: Millis,
        /// Of which MiMei.
        "mimei" => mimei: MimeiId,
        /// Which operations of a host are in it: for a later version of the format.
        "covers" => covers: Reserved,
        /// One more than the largest of its parents, 1 without any.
        "number" => number: u64,
        /// The versions it follows, in rising order.
        "parents" => parents: Vec<VersionId>,
    }
}

/// Why a version was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VersionError {
    /// It belongs to another MiMei.
    OtherMimei,
    /// Its parents are too many or not in rising order.
    BadParents,
    /// Its number does not follow from its parents.
    BadNumber,
    /// It is not by whom it says.
    Signer(SignerError),
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherMimei => f.write_str("the version belongs to another MiMei"),
            Self::BadParents => f.write_str("the version's list of parents is not in form"),
            Self::BadNumber => f.write_str("the version's number does not follow from its parents"),
            Self::Signer(error) => write!(f, "the version was refused: {error}"),
        }
    }
}

impl core::error::Error for VersionError {}

impl Version {
    /// The number of a version that follows versions with these numbers.
    pub fn number_after(parents: impl IntoIterator<Item = u64>) -> u64 {
        parents.into_iter().max().unwrap_or(0).saturating_add(1)
    }

    /// Whether its number follows from its parents', given in any order.
    pub fn check_number(&self, parents: impl IntoIterator<Item = u64>) -> Result<(), VersionError> {
        if self.number == Self::number_after(parents) { Ok(()) } else { Err(VersionError::BadNumber) }
    }
}

/// Checks form and signature of a version and says its id. That it counts is for a head to say.
pub fn check_version(signed: &Signed<Version>, mimei: &MimeiId, logs: &impl Logs) -> Result<VersionId, VersionError> {
    let version = &signed.body;
    if version.mimei != *mimei {
        return Err(VersionError::OtherMimei);
    }
    if version.parents.len() > VERSION_PARENTS_MAX || !strictly_rising(&version.parents) {
        return Err(VersionError::BadParents);
    }
    if version.number == 0 || (version.number == 1) != version.parents.is_empty() {
        return Err(VersionError::BadNumber);
    }
    version.by.check(signed, Domain::Version, mimei, logs).map_err(VersionError::Signer)?;
    Ok(VersionId::of(&signed.to_cbor()))
}
