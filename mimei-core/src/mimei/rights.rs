//! What somebody may do.

use core::fmt;

use crate::cbor::{Cbor, DecodeError, DecodeErrorKind, Reader, Writer};
use crate::record::text_enum;

text_enum! {
    /// One right.
    pub enum Right {
        /// Read contents.
        "read" => Read,
        /// Send operations to the host.
        "write" => Write,
        /// Sign versions and heads.
        "save" => Save,
        /// Choose the version that visitors see.
        "release" => Release,
        /// Sign access records. Only users can have it, and without an end.
        "setRights" => SetRights,
        /// Name it in another MiMei's references.
        "reference" => Reference,
        /// Run it as an app.
        "run" => Run,
    }
}

impl Right {
    const ALL: [Self; 7] =
        [Self::Read, Self::Write, Self::Save, Self::Release, Self::SetRights, Self::Reference, Self::Run];

    const fn bit(self) -> u8 {
        1 << self as u8
    }
}

/// A set of rights, written as their names in the order above.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Rights(u8);

impl Rights {
    /// No right.
    pub const NONE: Self = Self(0);
    /// Every right.
    pub const ALL: Self = Self((1 << Right::ALL.len()) - 1);
    /// What a share to look at needs.
    pub const READER: Self = Self::of(&[Right::Read]);
    /// What a share to work on needs, with or without a host.
    pub const WRITER: Self = Self::of(&[Right::Read, Right::Write, Right::Save]);

    /// The set of these.
    pub const fn of(rights: &[Right]) -> Self {
        let (mut bits, mut i) = (0, 0);
        while i < rights.len() {
            bits |= rights[i].bit();
            i += 1;
        }
        Self(bits)
    }

    /// Whether a right is in it.
    pub const fn has(self, right: Right) -> bool {
        self.0 & right.bit() != 0
    }

    /// Whether all of another set is in it.
    pub const fn has_all(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// What is in either.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in this and not in the other.
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether nothing is in it.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The rights in it, in order.
    pub fn iter(self) -> impl Iterator<Item = Right> {
        Right::ALL.into_iter().filter(move |right| self.has(*right))
    }
}

impl fmt::Debug for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(|right| right.as_str())).finish()
    }
}

impl Cbor for Rights {
    fn write(&self, w: &mut Writer) {
        w.array(self.iter().count() as u64);
        self.iter().for_each(|right| right.write(w));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let mut rights = Self::NONE;
        for _ in 0..r.array()? {
            let at = r.position();
            let right = Right::read(r)?;
            if rights.0 >= right.bit() {
                return Err(DecodeError::new(at, DecodeErrorKind::NotCanonical));
            }
            rights.0 |= right.bit();
        }
        Ok(rights)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::vec;

    #[test]
    fn rights_have_one_encoding() {
        for bits in 0..1 << 7 {
            let rights = Rights(bits);
            assert_eq!(Rights::from_cbor(&rights.to_cbor()), Ok(rights));
        }
        let twice = vec![Right::Read, Right::Read].to_cbor();
        let swapped = vec![Right::Save, Right::Read].to_cbor();
        assert!(Rights::from_cbor(&twice).is_err() && Rights::from_cbor(&swapped).is_err());
    }
}
