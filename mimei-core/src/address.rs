//! Where a relay is: enough to dial it without asking anybody.
//!
//! ```text
//! relay:<user id>@<ip>:<udp port>[,<ip>:<udp port>…]/<SHA-256 of its certificate, base32>
//! ```
//!
//! Base32 is lower case without padding; IPv6 addresses stand in brackets.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::net::SocketAddr;
use core::str::FromStr;

use crate::cid::{UserId, base32};
use crate::limits::RELAY_ADDRS_MAX;

const SCHEME: &str = "relay:";

/// A relay's pasteable address.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayAddress {
    /// Whom a dialer must meet there.
    pub user: UserId,
    /// Where its UDP port is; at least one.
    pub addrs: Vec<SocketAddr>,
    /// SHA-256 of its DTLS certificate.
    pub fingerprint: [u8; 32],
}

/// Why a text is not a relay's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AddressError {
    /// It does not start with `relay:` or lacks a part.
    Shape,
    /// The user id is not one.
    User,
    /// A place is not `ip:port`, there is none, or there are too many.
    Place,
    /// The fingerprint is not 32 bytes in base32.
    Fingerprint,
}

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Shape => "a relay's address looks like relay:<id>@<ip>:<port>/<fingerprint>; a part is missing",
            Self::User => "the id in the relay's address is damaged",
            Self::Place => "the relay's address needs places like 192.0.2.7:6464 or [2001:db8::7]:6464",
            Self::Fingerprint => "the fingerprint at the end of the relay's address is damaged",
        })
    }
}

impl core::error::Error for AddressError {}

impl fmt::Display for RelayAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}@", self.user)?;
        for (i, addr) in self.addrs.iter().enumerate() {
            write!(f, "{}{addr}", if i > 0 { "," } else { "" })?;
        }
        let mut fingerprint = String::new();
        base32().encode_append(&self.fingerprint, &mut fingerprint);
        write!(f, "/{fingerprint}")
    }
}

impl FromStr for RelayAddress {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let rest = text.strip_prefix(SCHEME).ok_or(AddressError::Shape)?;
        let (user, rest) = rest.split_once('@').ok_or(AddressError::Shape)?;
        let (places, fingerprint) = rest.split_once('/').ok_or(AddressError::Shape)?;
        let addrs: Vec<SocketAddr> =
            places.split(',').map(|place| place.parse()).collect::<Result<_, _>>().map_err(|_| AddressError::Place)?;
        if addrs.len() > RELAY_ADDRS_MAX || addrs.iter().any(|addr| addr.port() == 0) {
            return Err(AddressError::Place);
        }
        let fingerprint = base32().decode(fingerprint.as_bytes()).map_err(|_| AddressError::Fingerprint)?;
        Ok(Self {
            user: user.parse().map_err(|_| AddressError::User)?,
            addrs,
            fingerprint: fingerprint.try_into().map_err(|_| AddressError::Fingerprint)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;

    fn address() -> RelayAddress {
        let addrs = vec!["127.0.0.1:6464".parse().unwrap(), "[2001:db8::7]:6464".parse().unwrap()];
        RelayAddress { user: UserId::of(b"somebody"), addrs, fingerprint: [7; 32] }
    }

    #[test]
    fn an_address_reads_back_as_what_was_written() {
        assert_eq!(address().to_string().parse(), Ok(address()));
    }

    #[test]
    fn damaged_addresses_are_refused_by_the_part_that_is_damaged() {
        let text = address().to_string();
        assert_eq!(text.replace("relay:", "rely:").parse::<RelayAddress>(), Err(AddressError::Shape));
        assert_eq!(text.replacen("bafyr", "bafyx", 1).parse::<RelayAddress>(), Err(AddressError::User));
        assert_eq!(text.replace(":6464", ":0").parse::<RelayAddress>(), Err(AddressError::Place));
        assert_eq!(text.replace("127.0.0.1", "localhost").parse::<RelayAddress>(), Err(AddressError::Place));
        assert_eq!(text[..text.len() - 1].parse::<RelayAddress>(), Err(AddressError::Fingerprint));
        assert_eq!(text.to_uppercase().parse::<RelayAddress>(), Err(AddressError::Shape));
    }
}
