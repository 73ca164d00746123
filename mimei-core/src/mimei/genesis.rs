//! What makes a MiMei's address: who, with which app, under which name.

use alloc::string::String;
use core::fmt;

use super::limits::{APP_BYTES_MAX, EXT_BYTES_MAX, NAME_BYTES_MAX};
use crate::cbor::{Cbor, DecodeError, DecodeErrorKind, Reader, Writer};
use crate::cid::{MimeiId, UserId};
use crate::record::{record, text_enum};
use crate::seal::length_prefixed;
use crate::seeded::{Seed, SeededRandom};

const DOMAIN_NAME: &[u8] = b"mimei/name/1";
const CONTEXT_NAME_KEY: &str = "mimei/name-key/1";
const CONTEXT_AUTO: &str = "mimei/name-auto/1";

text_enum! {
    /// What a MiMei is.
    pub enum Kind {
        /// One file.
        "file" => File,
        /// Named files.
        "folder" => Folder,
        /// A key space with Redis's semantics.
        "database" => Database,
    }
}

record! {
    /// The first record. Its address is the MiMei's id, for ever.
    pub struct Genesis {
        /// The app that made it.
        "app" => app: App,
        /// What follows the dot of a file's name, or nothing.
        "ext" => ext: Ext,
        /// What it is.
        "kind" => kind: Kind,
        /// The keyed hash of its name, or random bytes.
        "name" => name: [u8; 32],
        /// Who holds every right in it, for ever.
        "author" => author: UserId,
    }
}

impl Genesis {
    /// The MiMei's id.
    pub fn id(&self) -> MimeiId {
        MimeiId::of(&self.to_cbor())
    }
}

/// The app that a MiMei belongs to: a reverse domain name such as `org.example.notes`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct App(String);

/// What follows the dot of a file's name: 0 to 32 of `a-z 0-9 . _ + -`.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ext(String);

/// Why a MiMei cannot be called that.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum NameError {
    /// The app is not a reverse domain name.
    App,
    /// The extension is too long or has other characters than it may.
    Ext,
    /// The name is too long.
    TooLong,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::App => "an app is named like org.example.notes: two or more parts of a-z, 0-9 and -",
            Self::Ext => "an extension has at most 32 of a-z, 0-9, dot, underscore, plus and minus",
            Self::TooLong => "a name has at most 1,024 bytes; choose a shorter one",
        })
    }
}

impl core::error::Error for NameError {}

impl App {
    /// Checks an app's name.
    pub fn new(name: &str) -> Result<Self, NameError> {
        let mut labels = 0;
        for label in name.split('.') {
            let inner = label.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'-'));
            if !inner || !(1..=63).contains(&label.len()) || label.starts_with('-') || label.ends_with('-') {
                return Err(NameError::App);
            }
            labels += 1;
        }
        if labels >= 2 && name.len() <= APP_BYTES_MAX { Ok(Self(name.into())) } else { Err(NameError::App) }
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Ext {
    /// Checks an extension.
    pub fn new(ext: &str) -> Result<Self, NameError> {
        let allowed = |b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'.' | b'_' | b'+' | b'-');
        if ext.len() <= EXT_BYTES_MAX && ext.bytes().all(allowed) { Ok(Self(ext.into())) } else { Err(NameError::Ext) }
    }

    /// The extension.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

macro_rules! checked_text {
    ($($name:ident, $why:literal;)*) => {$(
        impl Cbor for $name {
            fn write(&self, w: &mut Writer) {
                w.text(&self.0);
            }
            fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
                let at = r.position();
                Self::new(r.text()?).map_err(|_| DecodeError::new(at, DecodeErrorKind::Invalid($why)))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    )*};
}

checked_text! {
    App, "not the name of an app";
    Ext, "not an extension";
}

/// What the genesis says of a name: the same for the same inputs, and nobody without the name
/// secret can try names.
pub fn keyed_name(name_secret: &[u8; 32], app: &App, name: &str) -> Result<[u8; 32], NameError> {
    if name.len() > NAME_BYTES_MAX {
        return Err(NameError::TooLong);
    }
    let key = blake3::derive_key(CONTEXT_NAME_KEY, name_secret);
    let mut hasher = blake3::Hasher::new_keyed(&key);
    length_prefixed(&mut hasher, &[DOMAIN_NAME, app.0.as_bytes(), name.as_bytes()]);
    Ok(*hasher.finalize().as_bytes())
}

/// A name that no other MiMei has: what `{{auto}}` draws.
pub fn auto_name(seed: &Seed) -> [u8; 32] {
    SeededRandom::new(CONTEXT_AUTO, seed).bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_app_is_a_reverse_domain_name() {
        for good in ["org.example", "org.example.my-notes", "a.b", "com.9.x"] {
            assert!(App::new(good).is_ok(), "{good}");
        }
        for bad in ["", "example", "org..x", ".org.x", "org.x.", "Org.x", "org.-x", "org.x-", "org.ü", "org.x y"] {
            assert_eq!(App::new(bad), Err(NameError::App), "{bad}");
        }
        assert_eq!(App::new(&alloc::format!("org.{}", "a".repeat(64))), Err(NameError::App));
        assert_eq!(App::new(&alloc::format!("org{}", ".aaaaaaa".repeat(32))), Err(NameError::App));
    }

    #[test]
    fn a_name_is_hidden_and_its_parts_do_not_run_together() {
        let app = |name| App::new(name).unwrap();
        let name = keyed_name(&[1; 32], &app("org.ab"), "c").unwrap();
        assert_eq!(name, keyed_name(&[1; 32], &app("org.ab"), "c").unwrap());
        assert_ne!(name, keyed_name(&[2; 32], &app("org.ab"), "c").unwrap());
        assert_ne!(name, keyed_name(&[1; 32], &app("org.a"), "bc").unwrap());
        assert_eq!(keyed_name(&[1; 32], &app("org.a"), &"n".repeat(1025)), Err(NameError::TooLong));
    }
}
