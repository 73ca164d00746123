//! Why work does not go on, and why a record is refused.

use core::fmt;

use super::Amount;
use crate::mimei::SignerError;

/// Why work does not go on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stop {
    /// There is no line.
    NoLine,
    /// The line has ended.
    Ended,
    /// So much was served that must be signed for first.
    Unsigned,
    /// The line is used up.
    Limit(u64),
    /// Nobody gave a mandate for it.
    NoMandate,
    /// The mandate has ended or is used up.
    MandateUsedUp,
    /// The mandate is used up for today.
    MandateToday,
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoLine => f.write_str("the relay gives you no credit; ask its owner for an invite"),
            Self::Ended => f.write_str(
                "your credit line has ended by the relay's clock; ask its owner to renew it, or to set that clock right",
            ),
            Self::Unsigned => f.write_str("the relay waits for your device's signature for what it served"),
            Self::Limit(limit) => write!(
                f,
                "your credit line of {} is used up; ask the relay's owner to raise it. It goes on by itself then",
                Amount(*limit)
            ),
            Self::NoMandate => {
                f.write_str("nobody pays for visitors here; ask who sent the link, or the relay's owner")
            }
            Self::MandateUsedUp => f.write_str(
                "who shared this pays for no more readers: what they gave is used up, or has ended by the relay's clock; \
                 ask them to raise it",
            ),
            Self::MandateToday => f.write_str(
                "who shared this pays for no more readers today; try again tomorrow or ask them to raise it",
            ),
        }
    }
}

impl core::error::Error for Stop {}

/// Why a record was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CreditError {
    /// It is between others.
    OtherParties,
    /// It is not by whom it says.
    Signer(SignerError),
    /// It takes back what was signed before.
    Shrinks,
    /// Another one with the same serial is known.
    SameSerial,
    /// Its numbers contradict each other.
    BadNumbers,
    /// There are more lanes or mandates than an account may have.
    TooMany,
}

impl fmt::Display for CreditError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherParties => f.write_str("the record is about an account of others"),
            Self::Signer(error) => write!(f, "the record was refused: {error}"),
            Self::Shrinks => f.write_str("what was signed before cannot be taken back"),
            Self::SameSerial => f.write_str("another record with the same serial is known; look again"),
            Self::BadNumbers => f.write_str("the numbers of the record contradict each other"),
            Self::TooMany => f.write_str("the account has as many devices or mandates as it may"),
        }
    }
}

impl core::error::Error for CreditError {}
