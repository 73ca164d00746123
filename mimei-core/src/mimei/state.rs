//! How a state is laid out in its map: one table of prefixes.
//!
//! | key | value |
//! |---|---|
//! | `contents` | the contents of a file ([`Contents`](super::Contents)) |
//! | `f/` name | the contents of a file in a folder |
//! | `i/` label | an entry of the info |
//! | `memo` | what was said when the version was saved, UTF-8 |
//! | `t/` label | a tag; its value is empty or the tag's text |

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use super::limits::{FILE_NAME_BYTES_MAX, LABEL_BYTES_MAX};

const KEY_CONTENTS: &[u8] = b"contents";
const KEY_MEMO: &[u8] = b"memo";
/// What the keys of a folder's files begin with: the range to list.
const PREFIX_FILE: &[u8] = b"f/";
const PREFIX_INFO: &[u8] = b"i/";
const PREFIX_TAG: &[u8] = b"t/";

/// A key of a state's map.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum StateKey {
    /// The contents of a file.
    Contents,
    /// A file in a folder.
    File(FileName),
    /// An entry of the info.
    Info(Label),
    /// What was said when the version was saved.
    Memo,
    /// A tag.
    Tag(Label),
}

/// A file's name in a folder: 1 to 255 bytes of UTF-8 without `/` and NUL, not `.` or `..`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileName(String);

/// A tag or the name of an info entry: 1 to 255 bytes of UTF-8 without NUL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Label(String);

/// Why a file, tag or info entry cannot be called that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LabelError {
    /// It has no or more than 255 bytes.
    Length,
    /// It has a NUL or, as a file's name, a slash.
    Character,
    /// `.` and `..` mean places, not files.
    Dots,
}

impl fmt::Display for LabelError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Length => "a name has 1 to 255 bytes",
            Self::Character => "a name has no slash and no NUL",
            Self::Dots => "a file cannot be called . or ..",
        })
    }
}

impl core::error::Error for LabelError {}

impl FileName {
    /// Checks a file's name.
    pub fn new(name: &str) -> Result<Self, LabelError> {
        if !(1..=FILE_NAME_BYTES_MAX).contains(&name.len()) {
            Err(LabelError::Length)
        } else if name.bytes().any(|b| matches!(b, 0 | b'/')) {
            Err(LabelError::Character)
        } else if matches!(name, "." | "..") {
            Err(LabelError::Dots)
        } else {
            Ok(Self(name.into()))
        }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Label {
    /// Checks a tag or the name of an info entry.
    pub fn new(label: &str) -> Result<Self, LabelError> {
        if !(1..=LABEL_BYTES_MAX).contains(&label.len()) {
            Err(LabelError::Length)
        } else if label.contains('\0') {
            Err(LabelError::Character)
        } else {
            Ok(Self(label.into()))
        }
    }

    /// The label.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl StateKey {
    /// Where a folder's files begin and end in the map: keys from the first to before the second.
    pub const FILES: (&'static [u8], &'static [u8]) = (PREFIX_FILE, b"f0");
    /// Where the info's entries begin and end.
    pub const INFO: (&'static [u8], &'static [u8]) = (PREFIX_INFO, b"i0");
    /// Where the tags begin and end.
    pub const TAGS: (&'static [u8], &'static [u8]) = (PREFIX_TAG, b"t0");

    /// The key as it stands in the map.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Contents => KEY_CONTENTS.to_vec(),
            Self::File(name) => [PREFIX_FILE, name.0.as_bytes()].concat(),
            Self::Info(label) => [PREFIX_INFO, label.0.as_bytes()].concat(),
            Self::Memo => KEY_MEMO.to_vec(),
            Self::Tag(label) => [PREFIX_TAG, label.0.as_bytes()].concat(),
        }
    }

    /// The key in these bytes; `None` for keys that this version does not know or allow.
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        if bytes == KEY_CONTENTS {
            return Some(Self::Contents);
        }
        if bytes == KEY_MEMO {
            return Some(Self::Memo);
        }
        let (prefix, rest) = bytes.split_at_checked(2)?;
        let rest = core::str::from_utf8(rest).ok()?;
        match prefix {
            PREFIX_FILE => FileName::new(rest).ok().map(Self::File),
            PREFIX_INFO => Label::new(rest).ok().map(Self::Info),
            PREFIX_TAG => Label::new(rest).ok().map(Self::Tag),
            _ => None,
        }
    }
}
