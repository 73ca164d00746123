//! Why something with a MiMei did not work.

use alloc::string::{String, ToString};

use crate::map::MapError;
use crate::mimei::{AccessError, HeadError, VersionError};
use crate::peer::CommandError;
use crate::seal::OpenBlockError;
use crate::store::StoreError;
use crate::vault::VaultError;
use crate::wire::{Refusal, RefusalCode};

/// Why something with a MiMei did not work.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Fault {
    /// The store.
    Store(StoreError),
    /// The other side of a connection, or the connection.
    Remote(CommandError),
    /// A rule, with a stable code and a sentence.
    Rule(&'static str, String),
    /// A record or block that must come first is not here.
    Missing(String),
}

impl Fault {
    pub(in crate::peer) fn rule(code: &'static str, why: impl ToString) -> Self {
        Self::Rule(code, why.to_string())
    }

    pub(in crate::peer) fn denied(why: &'static str) -> Self {
        Self::rule("access.denied", why)
    }

    pub(in crate::peer) fn argument(why: impl ToString) -> Self {
        Self::rule("argument.invalid", why)
    }

    /// What was read contradicts its address, its seal or its signature.
    pub(in crate::peer) fn verify(why: impl ToString) -> Self {
        Self::rule("verify.failed", why)
    }

    pub(in crate::peer) fn unknown() -> Self {
        Self::rule(
            "mimei.notFound",
            "that MiMei is not here; open it by a link and be connected to a relay that has it",
        )
    }

    pub(in crate::peer) fn offline() -> Self {
        Self::rule("offline.missing", "a part that is not on this device is needed; connect to a relay that has it")
    }

    /// As the other side of a connection is told.
    pub(crate) fn refusal(self) -> Refusal {
        match self {
            Self::Store(error) => crate::peer::serve::store_refusal(error),
            Self::Missing(why) => Refusal::new(RefusalCode::Missing, why),
            Self::Rule("access.denied", why) => Refusal::new(RefusalCode::Denied, why),
            Self::Rule("storage.full", why) => Refusal::new(RefusalCode::Full, why),
            Self::Rule(_, why) => Refusal::new(RefusalCode::Invalid, why),
            Self::Remote(error) => Refusal::new(RefusalCode::Store, error.to_string()),
        }
    }
}

impl core::fmt::Display for Fault {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        match self {
            Self::Store(error) => error.fmt(f),
            Self::Remote(error) => error.fmt(f),
            Self::Rule(_, why) | Self::Missing(why) => f.write_str(why),
        }
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<CommandError> for Fault {
    fn from(error: CommandError) -> Self {
        Self::Remote(error)
    }
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        match error {
            VaultError::NoKey | VaultError::Open(OpenBlockError::UnknownEpoch(_)) => Self::rule("access.denied", error),
            _ => Self::verify(error),
        }
    }
}

impl From<VersionError> for Fault {
    fn from(error: VersionError) -> Self {
        Self::verify(error)
    }
}

impl From<AccessError> for Fault {
    fn from(error: AccessError) -> Self {
        match error {
            AccessError::Unknown(_) => Self::Missing(error.to_string()),
            AccessError::NotAllowed | AccessError::AgainstSenior => Self::rule("access.denied", error),
            _ => Self::verify(error),
        }
    }
}

impl From<HeadError> for Fault {
    fn from(error: HeadError) -> Self {
        match error {
            HeadError::UnknownPrev(_) | HeadError::UnknownAccess(_) => Self::Missing(error.to_string()),
            HeadError::NotAllowed(_) => Self::rule("access.denied", error),
            _ => Self::verify(error),
        }
    }
}

impl From<MapError> for Fault {
    fn from(error: MapError) -> Self {
        Self::verify(error)
    }
}

impl From<Fault> for CommandError {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Remote(CommandError::Refused(refusal)) if refusal.code == RefusalCode::Unpaid => {
                Self::Item { code: "credit.none", message: refusal.message }
            }
            Fault::Remote(CommandError::Refused(refusal)) if refusal.code == RefusalCode::Paused => {
                Self::Item { code: "credit.paused", message: refusal.message }
            }
            Fault::Remote(error) => error,
            Fault::Store(error) => {
                let code = if error == StoreError::Full { "storage.full" } else { "storage.failed" };
                Self::Item { code, message: error.to_string() }
            }
            Fault::Rule(code, message) => Self::Item { code, message },
            Fault::Missing(message) => Self::Item { code: "verify.failed", message },
        }
    }
}
