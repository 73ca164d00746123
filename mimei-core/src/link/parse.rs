use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::{At, LINK_BYTES_MAX, LINK_RELAYS_MAX, Link, LinkSecret, SCHEME};
use crate::address::{AddressError, RelayAddress};
use crate::cid::base32;

/// Why a text is not an address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LinkError {
    /// There is no `mimei:` where one must be.
    NoLink,
    /// It is longer than any address.
    TooLong,
    /// The MiMei's id is damaged.
    Mimei,
    /// What follows `@` is no version.
    At,
    /// The head's id is damaged.
    Head,
    /// A relay's address is damaged.
    Relay(AddressError),
    /// It names more relays than it may.
    TooManyRelays,
    /// Between `?` and `#` stands something else than `h` and then `r`.
    Query,
    /// What follows `#` is no secret: it was cut off or altered.
    Secret,
}

impl fmt::Display for LinkError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NoLink => "this is not a MiMei address; it begins with mimei: or holds #mimei:",
            Self::TooLong => "the address is too long to be one",
            Self::Mimei => "the id in the address is damaged; copy the whole address again",
            Self::At => "after @ stands a version: a number, its id, last or release",
            Self::Head => "the head in the address is damaged; copy the whole address again",
            Self::Relay(error) => return error.fmt(f),
            Self::TooManyRelays => "the address names more than eight relays",
            Self::Query => "the address has a part that this version does not know",
            Self::Secret => "the end of the address is missing or altered; copy the whole address again",
        })
    }
}

impl core::error::Error for LinkError {}

impl Link {
    /// Finds the address in what somebody pasted: an address, or a web page's with it as the fragment.
    pub fn find(text: &str) -> Result<Self, LinkError> {
        let text = text.trim();
        if text.starts_with(SCHEME) {
            return text.parse();
        }
        let is_page = text.starts_with("https://") || text.starts_with("http://");
        let (_, fragment) = text.split_once('#').filter(|_| is_page).ok_or(LinkError::NoLink)?;
        // Some programs escape a # inside of a fragment.
        if fragment.contains('#') { fragment.parse() } else { fragment.replacen("%23", "#", 1).parse() }
    }
}

impl FromStr for Link {
    type Err = LinkError;

    fn from_str(text: &str) -> Result<Self, LinkError> {
        if text.len() > LINK_BYTES_MAX {
            return Err(LinkError::TooLong);
        }
        let rest = text.strip_prefix(SCHEME).ok_or(LinkError::NoLink)?;
        let (rest, secret) = split(rest, '#');
        let (rest, query) = split(rest, '?');
        let (mimei, at) = split(rest, '@');
        let mut link = Self::new(mimei.parse().map_err(|_| LinkError::Mimei)?);
        link.at = at.map_or(Ok(At::Current), parse_at)?;
        if let Some(query) = query {
            parse_query(query, &mut link)?;
        }
        link.secret = secret.map(parse_secret).transpose()?;
        Ok(link)
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

fn parse_at(text: &str) -> Result<At, LinkError> {
    match text {
        "last" => Ok(At::Last),
        "release" => Ok(At::Release),
        _ if text.starts_with(|c: char| c.is_ascii_digit()) => {
            // One form for each number, and none for version 0.
            let is_form = !text.starts_with('0') && text.bytes().all(|b| b.is_ascii_digit());
            is_form.then(|| text.parse().ok()).flatten().map(At::Number).ok_or(LinkError::At)
        }
        _ => text.parse().map(At::Version).map_err(|_| LinkError::At),
    }
}

fn parse_query(query: &str, link: &mut Link) -> Result<(), LinkError> {
    for part in query.split('&') {
        match part.split_once('=') {
            Some(("h", head)) if link.head.is_none() && link.relays.is_empty() => {
                link.head = Some(head.parse().map_err(|_| LinkError::Head)?);
            }
            Some(("r", relay)) => {
                if link.relays.len() >= LINK_RELAYS_MAX {
                    return Err(LinkError::TooManyRelays);
                }
                link.relays.push(parse_relay(relay)?);
            }
            _ => return Err(LinkError::Query),
        }
    }
    Ok(())
}

fn parse_relay(text: &str) -> Result<RelayAddress, LinkError> {
    let text = unescape(text).ok_or(LinkError::Query)?;
    text.parse().map_err(LinkError::Relay)
}

pub(crate) fn unescape(text: &str) -> Option<String> {
    let mut bytes: Vec<u8> = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        if *first != b'%' {
            bytes.push(*first);
            continue;
        }
        let (digits, after) = after.split_at_checked(2)?;
        let digit = |b: u8| char::from(b).to_digit(16);
        bytes.push((digit(digits[0])? << 4 | digit(digits[1])?) as u8);
        rest = after;
    }
    String::from_utf8(bytes).ok()
}

fn parse_secret(text: &str) -> Result<LinkSecret, LinkError> {
    let bytes = base32().decode(text.as_bytes()).map_err(|_| LinkError::Secret)?;
    Ok(LinkSecret::from_bytes(bytes.try_into().map_err(|_| LinkError::Secret)?))
}
