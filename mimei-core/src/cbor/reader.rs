use core::fmt;

use super::writer::{FALSE, MAJOR_ARRAY, MAJOR_BYTES, MAJOR_MAP, MAJOR_TAG, MAJOR_TEXT, MAJOR_UINT, NULL, TRUE};

/// Why bytes are not the canonical encoding of the expected type, and where.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecodeError {
    /// Offset of the offending value in bytes.
    pub at: usize,
    /// What is wrong there.
    pub kind: DecodeErrorKind,
}

/// The ways in which bytes can fail to be canonical CBOR of a given type.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DecodeErrorKind {
    /// The bytes end inside a value, or a length points behind their end.
    Truncated,
    /// Bytes follow the value.
    Trailing,
    /// A longer integer, an indefinite length, or anything else with a shorter or other canonical form.
    NotCanonical,
    /// Another CBOR type stands here than the one named.
    Expected(&'static str),
    /// A map has another key here than the one named: unknown, missing or out of order.
    ExpectedKey(&'static str),
    /// A number, length or count outside of what the field allows.
    OutOfRange,
    /// Text that is not UTF-8.
    NotUtf8,
    /// A union names a variant that this version does not know.
    UnknownVariant,
    /// A value breaks the rule named.
    Invalid(&'static str),
}

impl DecodeError {
    /// An error at an offset.
    pub fn new(at: usize, kind: DecodeErrorKind) -> Self {
        Self { at, kind }
    }
}

impl fmt::Display for DecodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            DecodeErrorKind::Truncated => f.write_str("the bytes end inside a value")?,
            DecodeErrorKind::Trailing => f.write_str("bytes follow the value")?,
            DecodeErrorKind::NotCanonical => f.write_str("not in canonical form")?,
            DecodeErrorKind::Expected(what) => write!(f, "expected {what}")?,
            DecodeErrorKind::ExpectedKey(key) => write!(f, "expected the key \"{key}\"")?,
            DecodeErrorKind::OutOfRange => f.write_str("a number or length is out of range")?,
            DecodeErrorKind::NotUtf8 => f.write_str("text is not UTF-8")?,
            DecodeErrorKind::UnknownVariant => f.write_str("a variant this version does not know")?,
            DecodeErrorKind::Invalid(rule) => f.write_str(rule)?,
        }
        write!(f, " (at byte {})", self.at)
    }
}

impl core::error::Error for DecodeError {}

/// Reads canonical CBOR from a slice and refuses everything else.
#[derive(Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Offset of the next value in bytes.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Succeeds if everything has been read.
    pub fn finish(&self) -> Result<(), DecodeError> {
        if self.at == self.bytes.len() { Ok(()) } else { Err(self.error(DecodeErrorKind::Trailing)) }
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        self.head(MAJOR_UINT, "an unsigned integer")
    }

    /// A byte string.
    pub fn bytes(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.head(MAJOR_BYTES, "a byte string")?;
        self.take(length)
    }

    /// A text string.
    pub fn text(&mut self) -> Result<&'a str, DecodeError> {
        let start = self.at;
        let length = self.head(MAJOR_TEXT, "text")?;
        core::str::from_utf8(self.take(length)?).map_err(|_| DecodeError::new(start, DecodeErrorKind::NotUtf8))
    }

    /// The head of an array; its count is at most the number of bytes left.
    pub fn array(&mut self) -> Result<u64, DecodeError> {
        let start = self.at;
        let count = self.head(MAJOR_ARRAY, "an array")?;
        self.at_most_left(start, count)
    }

    /// The head of an array of exactly `count` values.
    pub fn array_of(&mut self, count: u64) -> Result<(), DecodeError> {
        let start = self.at;
        if self.array()? == count { Ok(()) } else { Err(DecodeError::new(start, DecodeErrorKind::OutOfRange)) }
    }

    /// The head of a map of exactly `count` pairs.
    pub fn map_of(&mut self, count: u64) -> Result<(), DecodeError> {
        let start = self.at;
        if self.head(MAJOR_MAP, "a map")? == count {
            Ok(())
        } else {
            Err(DecodeError::new(start, DecodeErrorKind::OutOfRange))
        }
    }

    /// The key `key` of a map.
    pub fn key(&mut self, key: &'static str) -> Result<(), DecodeError> {
        let start = self.at;
        if self.text()? == key { Ok(()) } else { Err(DecodeError::new(start, DecodeErrorKind::ExpectedKey(key))) }
    }

    /// The tag `tag`; the tagged value follows.
    pub fn tag(&mut self, tag: u64) -> Result<(), DecodeError> {
        let start = self.at;
        if self.head(MAJOR_TAG, "a link")? == tag {
            Ok(())
        } else {
            Err(DecodeError::new(start, DecodeErrorKind::Expected("a link")))
        }
    }

    /// True or false.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.bytes.get(self.at) {
            Some(&TRUE) => {
                self.at += 1;
                Ok(true)
            }
            Some(&FALSE) => {
                self.at += 1;
                Ok(false)
            }
            Some(_) => Err(self.error(DecodeErrorKind::Expected("true or false"))),
            None => Err(self.error(DecodeErrorKind::Truncated)),
        }
    }

    /// Steps over a null if one is next, and says whether it was.
    pub fn null_if_next(&mut self) -> bool {
        let is_null = self.bytes.get(self.at) == Some(&NULL);
        self.at += usize::from(is_null);
        is_null
    }

    fn head(&mut self, major: u8, expected: &'static str) -> Result<u64, DecodeError> {
        let start = self.at;
        let Some(&first) = self.bytes.get(start) else {
            return Err(self.error(DecodeErrorKind::Truncated));
        };
        if first >> 5 != major {
            return Err(self.error(DecodeErrorKind::Expected(expected)));
        }
        self.at += 1;
        let (width, least) = match first & 0x1f {
            short @ 0..=23 => return Ok(u64::from(short)),
            24 => (1, 24),
            25 => (2, 0x100),
            26 => (4, 0x1_0000),
            27 => (8, 0x1_0000_0000),
            _ => return Err(DecodeError::new(start, DecodeErrorKind::NotCanonical)),
        };
        let value = self.take(width)?.iter().fold(0, |value, byte| value << 8 | u64::from(*byte));
        if value < least { Err(DecodeError::new(start, DecodeErrorKind::NotCanonical)) } else { Ok(value) }
    }

    fn take(&mut self, length: u64) -> Result<&'a [u8], DecodeError> {
        let start = self.at;
        let length = self.at_most_left(start, length)? as usize;
        self.at += length;
        Ok(&self.bytes[start..start + length])
    }

    fn at_most_left(&self, start: usize, count: u64) -> Result<u64, DecodeError> {
        if count > (self.bytes.len() - self.at) as u64 {
            return Err(DecodeError::new(start, DecodeErrorKind::Truncated));
        }
        Ok(count)
    }

    fn error(&self, kind: DecodeErrorKind) -> DecodeError {
        DecodeError::new(self.at, kind)
    }
}
