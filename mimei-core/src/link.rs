//! The address that people paste and send:
//!
//! ```text
//! mimei:<id>[@<number>|@<version id>|@last|@release][?h=<head>&r=<relay>&r=<relay>…][#<secret>]
//! ```
//!
//! The parts stand in this order. `h` is a head known when the address was made,
//! so that a relay cannot show an older one; each `r` is a relay's
//! [address](crate::address), with `%` and two hex digits for what may not stand
//! in a query. The secret is 32 bytes in lower-case base32 without padding; a
//! browser sends no fragment to a server. In a web page the same address is the
//! fragment of the page's: `https://host/#mimei:…`.

mod parse;
mod secret;

pub use parse::LinkError;
pub(crate) use parse::unescape;
pub use secret::LinkSecret;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use crate::address::RelayAddress;
use crate::cid::{HeadId, MimeiId, VersionId, base32};

/// An address in bytes: as many relays as it may have, with as many places each.
pub const LINK_BYTES_MAX: usize = 8192;
/// Relays in one address: two to keep warm and some to fall back to.
pub const LINK_RELAYS_MAX: usize = 8;

const SCHEME: &str = "mimei:";

/// Which state of a MiMei is meant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum At {
    /// The working copy, or what its visitors see.
    #[default]
    Current,
    /// The version with that number under the current head.
    Number(u64),
    /// One version for ever.
    Version(VersionId),
    /// The newest version.
    Last,
    /// The version chosen for visitors.
    Release,
}

/// An address of a MiMei.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Link {
    /// The MiMei.
    pub mimei: MimeiId,
    /// Which state.
    pub at: At,
    /// A head known when the address was made.
    pub head: Option<HeadId>,
    /// Who has it.
    pub relays: Vec<RelayAddress>,
    /// What opens it for whoever has the address.
    pub secret: Option<LinkSecret>,
}

impl Link {
    /// An address that names the MiMei alone.
    pub fn new(mimei: MimeiId) -> Self {
        Self { mimei, at: At::Current, head: None, relays: Vec::new(), secret: None }
    }
}

/// The address with its secret: for whom it is meant, never for logs.
impl fmt::Display for Link {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{SCHEME}{}", self.mimei)?;
        match &self.at {
            At::Current => {}
            At::Number(number) => write!(f, "@{number}")?,
            At::Version(version) => write!(f, "@{version}")?,
            At::Last => f.write_str("@last")?,
            At::Release => f.write_str("@release")?,
        }
        let mut separator = '?';
        if let Some(head) = &self.head {
            write!(f, "{separator}h={head}")?;
            separator = '&';
        }
        for relay in &self.relays {
            write!(f, "{separator}r=")?;
            write_escaped(f, &alloc::format!("{relay}"))?;
            separator = '&';
        }
        if let Some(secret) = &self.secret {
            let mut text = String::new();
            base32().encode_append(secret.as_bytes(), &mut text);
            write!(f, "#{text}")?;
        }
        Ok(())
    }
}

pub(crate) fn write_escaped(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    text.bytes().try_for_each(|b| match b {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b':' | b'@' | b',' | b'/' => {
            write!(f, "{}", char::from(b))
        }
        _ => write!(f, "%{b:02X}"),
    })
}
