//! Deterministic CBOR: the DAG-CBOR subset, read strictly.
//!
//! Every value has exactly one encoding, so re-encoding what was decoded gives
//! the same bytes and a content address never depends on who encoded it.
//! Decoding is driven by the type that is expected: there is no generic value,
//! no recursion that input can deepen, and nothing is allocated before its
//! length was checked against the bytes that are really there.
//!
//! Format: RFC 8949 section 4.2 restricted by
//! <https://ipld.io/specs/codecs/dag-cbor/spec/>: shortest integers, definite
//! lengths, map keys are text sorted by length and then bytewise, tag 42 for
//! links and no other tag, no floats (MiMei has no use for one).

mod reader;
mod writer;

pub use reader::{DecodeError, DecodeErrorKind, Reader};
pub use writer::Writer;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

/// A value with exactly one encoding.
pub trait Cbor: Sized {
    /// Appends the encoding of `self`.
    fn write(&self, w: &mut Writer);

    /// Reads one value; the reader then stands behind it.
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The encoding of `self` alone.
    fn to_cbor(&self) -> Vec<u8> {
        let mut w = Writer::new();
        self.write(&mut w);
        w.into_bytes()
    }

    /// Decodes a value that fills `bytes` exactly.
    fn from_cbor(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut r = Reader::new(bytes);
        let value = Self::read(&mut r)?;
        r.finish()?;
        Ok(value)
    }
}

impl Cbor for u64 {
    fn write(&self, w: &mut Writer) {
        w.uint(*self);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.uint()
    }
}

impl Cbor for u32 {
    fn write(&self, w: &mut Writer) {
        w.uint(u64::from(*self));
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        u32::try_from(r.uint()?).map_err(|_| DecodeError::new(at, DecodeErrorKind::OutOfRange))
    }
}

impl Cbor for bool {
    fn write(&self, w: &mut Writer) {
        w.bool(*self);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bool()
    }
}

impl Cbor for String {
    fn write(&self, w: &mut Writer) {
        w.text(self);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.text().map(String::from)
    }
}

/// A CBOR byte string; plain `Vec<u8>` would be an array of integers.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default)]
pub struct Bytes(pub Vec<u8>);

impl core::fmt::Debug for Bytes {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "{} bytes", self.0.len())
    }
}

impl Cbor for Bytes {
    fn write(&self, w: &mut Writer) {
        w.bytes(&self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.bytes().map(|b| Bytes(b.to_vec()))
    }
}

impl<const N: usize> Cbor for [u8; N] {
    fn write(&self, w: &mut Writer) {
        w.bytes(self);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        r.bytes()?.try_into().map_err(|_| DecodeError::new(at, DecodeErrorKind::OutOfRange))
    }
}

impl<T: Cbor> Cbor for Option<T> {
    fn write(&self, w: &mut Writer) {
        match self {
            Some(value) => value.write(w),
            None => w.null(),
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        if r.null_if_next() { Ok(None) } else { T::read(r).map(Some) }
    }
}

impl<T: Cbor> Cbor for Vec<T> {
    fn write(&self, w: &mut Writer) {
        w.array(self.len() as u64);
        for value in self {
            value.write(w);
        }
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        // An element takes at least one byte, so `array` has bounded the count already;
        // the vector still grows with what is read, since an element in memory may be larger.
        let count = r.array()?;
        let mut out = Vec::new();
        for _ in 0..count {
            out.push(T::read(r)?);
        }
        Ok(out)
    }
}

impl<T: Cbor> Cbor for Box<T> {
    fn write(&self, w: &mut Writer) {
        (**self).write(w);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        T::read(r).map(Box::new)
    }
}

impl<A: Cbor, B: Cbor> Cbor for (A, B) {
    fn write(&self, w: &mut Writer) {
        w.array(2);
        self.0.write(w);
        self.1.write(w);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.array_of(2)?;
        Ok((A::read(r)?, B::read(r)?))
    }
}
