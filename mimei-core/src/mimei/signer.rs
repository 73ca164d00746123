//! By whom a record is: a user's device, and what shows that it may.
//!
//! Stops: a record passing for a device that its user never certified, a reader
//! judging by a log older than the record's, and somebody claiming a link that
//! was never in its hands. A link's key signs, in domain `mimei/exercise/1`,
//! the record `{user, mimei, access, device}`, so a proof serves one device in
//! one MiMei.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::fmt;

use super::shape::strictly_rising;
use crate::cbor::Cbor;
use crate::cid::{AccessId, Cid, EntryId, MimeiId, UserId};
use crate::identity::IdentityLog;
use crate::limits::LOG_PREV_MAX;
use crate::record::{record, union};
use crate::sign::{Domain, SignKey, Signature, Signed};

record! {
    /// By whom a record is.
    pub struct Signer {
        /// The newest entries of the user's log that the signer knew, in rising order.
        "log" => log: Vec<EntryId>,
        /// The user.
        "user" => user: UserId,
        /// What gives the right if it is not the user itself that has it.
        "proof" => proof: Option<Proof>,
        /// The signing key of the user's device. It made the signature.
        "device" => device: SignKey,
    }
}

union! {
    /// What gives a signer a right that its user does not have.
    pub enum Proof {
        /// A link's secret.
        "link" => Link(LinkProof),
    }
}

record! {
    /// Shows that a device had a link's secret.
    pub struct LinkProof {
        /// The link's signature over [`LinkUse`].
        "sig" => sig: Signature,
        /// The link's signing key.
        "link" => link: SignKey,
        /// A record that names the link as an audience.
        "access" => access: AccessId,
    }
}

record! {
    /// What a link's key signs.
    pub struct LinkUse {
        /// Who uses the link.
        "user" => user: UserId,
        /// In which MiMei.
        "mimei" => mimei: MimeiId,
        /// A record that names the link as an audience.
        "access" => access: AccessId,
        /// The device that signs.
        "device" => device: SignKey,
    }
}

/// Where identity logs are found.
pub trait Logs {
    /// The log of a user, if it is at hand.
    fn log(&self, user: &UserId) -> Option<&IdentityLog>;
}

impl Logs for BTreeMap<UserId, IdentityLog> {
    fn log(&self, user: &UserId) -> Option<&IdentityLog> {
        self.get(user)
    }
}

/// Why a record is not by whom it says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SignerError {
    /// The user's identity log is not here; ask for it.
    UnknownUser(UserId),
    /// The user's identity log is older than the record; ask for what is newer.
    LogTooOld(UserId),
    /// The list of log entries is empty, too long or out of order.
    BadLogList,
    /// The user never certified the device.
    UnknownDevice,
    /// The signature is not the device's.
    BadSignature,
    /// The link did not sign for this device in this MiMei.
    BadProof,
}

impl fmt::Display for SignerError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUser(user) => write!(f, "the identity of its signer is not here yet: {user}"),
            Self::LogTooOld(user) => write!(f, "newer entries of its signer's identity are needed: {user}"),
            Self::BadLogList => f.write_str("its list of identity entries is not in form"),
            Self::UnknownDevice => f.write_str("its signer never certified the device that signed"),
            Self::BadSignature => f.write_str("its signature does not verify"),
            Self::BadProof => f.write_str("the link that it names did not sign for this device"),
        }
    }
}

impl core::error::Error for SignerError {}

impl Signer {
    /// The key of the link by which it signs, if it does.
    pub fn link(&self) -> Option<&SignKey> {
        match &self.proof {
            Some(Proof::Link(proof)) => Some(&proof.link),
            None => None,
        }
    }

    /// Checks all of it that later entries of the log cannot change, and the signature.
    pub(crate) fn check<T: Cbor>(
        &self,
        signed: &Signed<T>,
        domain: Domain,
        mimei: &MimeiId,
        logs: &impl Logs,
    ) -> Result<(), SignerError> {
        self.check_device(signed, domain, logs)?;
        match &self.proof {
            Some(Proof::Link(proof)) => proof.check(self, mimei),
            None => Ok(()),
        }
    }

    /// Checks that the device which signed was certified by its user at some time, and the signature.
    pub(crate) fn check_device<T: Cbor>(
        &self,
        signed: &Signed<T>,
        domain: Domain,
        logs: &impl Logs,
    ) -> Result<(), SignerError> {
        if self.log.is_empty() || self.log.len() > LOG_PREV_MAX || !strictly_rising(&self.log) {
            return Err(SignerError::BadLogList);
        }
        let log = logs.log(&self.user).ok_or(SignerError::UnknownUser(self.user))?;
        if !self.log.iter().all(|entry| log.contains(entry)) {
            return Err(SignerError::LogTooOld(self.user));
        }
        if log.device(&self.device).is_none() && log.accepted_of(&self.device).is_none() {
            return Err(SignerError::UnknownDevice);
        }
        signed.verify(domain, &self.device).map_err(|_| SignerError::BadSignature)
    }

    /// Whether the device is valid now, or its revocation names `record` as standing.
    pub(crate) fn device_stands(&self, record: &Cid, logs: &impl Logs) -> bool {
        let Some(log) = logs.log(&self.user) else { return false };
        log.device(&self.device).is_some()
            || log.accepted_of(&self.device).is_some_and(|accepted| accepted.contains(record))
    }
}

impl LinkProof {
    fn check(&self, by: &Signer, mimei: &MimeiId) -> Result<(), SignerError> {
        let body = LinkUse { user: by.user, mimei: *mimei, access: self.access, device: by.device };
        self.link.verify(Domain::Exercise, &body.to_cbor(), &self.sig).map_err(|_| SignerError::BadProof)
    }
}
