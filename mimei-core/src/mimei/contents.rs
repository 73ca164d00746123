//! The contents of a file: a blob, cut into pieces.
//!
//! A blob is a map from offset (8 bytes, big endian, so that they sort) to piece,
//! sealed like any map, with the salt of blobs. A blob of one piece is that piece.

use alloc::string::String;
use alloc::vec::Vec;

use super::limits::TYPE_BYTES_MAX;
use crate::cbor::{Cbor, DecodeError, DecodeErrorKind, Reader, Writer};
use crate::cid::Cid;
use crate::record::record;
use crate::seal::BODY_BYTES_MAX;

/// A piece in bytes: all but the last have this many.
pub const PIECE_BYTES: u32 = 256 << 10;

const _: () = assert!(PIECE_BYTES as usize <= BODY_BYTES_MAX);

/// A media type such as `text/plain`: up to 127 visible ASCII characters or blanks. It is what a
/// writer claims and decides nothing.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct MediaType(String);

impl MediaType {
    /// Checks a media type; `None` if it is too long or has other characters.
    pub fn new(text: &str) -> Option<Self> {
        let allowed = text.len() <= TYPE_BYTES_MAX && text.bytes().all(|b| matches!(b, 0x20..=0x7e));
        allowed.then(|| Self(text.into()))
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Cbor for MediaType {
    fn write(&self, w: &mut Writer) {
        w.text(&self.0);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        Self::new(r.text()?).ok_or(DecodeError::new(at, DecodeErrorKind::Invalid("not a media type")))
    }
}

/// The contents of a file, as its state names them.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Contents {
    /// The root of the blob's map, or the piece if there is one only.
    pub blob: Cid,
    /// Length in bytes.
    pub length: u64,
    /// What the writer says it is.
    pub media: MediaType,
}

record! {
    /// What the map keeps beside the link to the blob.
    pub struct Body {
        "type" => media: MediaType,
        "length" => length: u64,
    }
}

impl Contents {
    /// The bytes and the links of the map's value.
    pub fn to_value(&self) -> (Vec<u8>, Vec<Cid>) {
        let body = Body { media: self.media.clone(), length: self.length };
        (body.to_cbor(), alloc::vec![self.blob])
    }

    /// Reads the bytes and the links of a map's value.
    pub fn from_value(bytes: &[u8], links: &[Cid]) -> Result<Self, DecodeError> {
        let body = Body::from_cbor(bytes)?;
        Ok(Self { blob: one_link(links)?, length: body.length, media: body.media })
    }

    /// Whether the blob is a single piece.
    pub fn is_one_piece(&self) -> bool {
        self.length <= u64::from(PIECE_BYTES)
    }
}

/// A piece, as the blob's map names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Piece {
    /// Where it begins in the blob.
    pub offset: u64,
    /// Length in bytes.
    pub length: u32,
    /// Its block.
    pub cid: Cid,
}

impl Piece {
    /// The key in the blob's map.
    pub fn key(offset: u64) -> [u8; 8] {
        offset.to_be_bytes()
    }

    /// The bytes and the links of the map's value.
    pub fn to_value(&self) -> (Vec<u8>, Vec<Cid>) {
        (self.length.to_cbor(), alloc::vec![self.cid])
    }

    /// Reads an entry of a blob's map.
    pub fn from_entry(key: &[u8], bytes: &[u8], links: &[Cid]) -> Result<Self, DecodeError> {
        let offset = key.try_into().map(u64::from_be_bytes);
        let offset = offset.map_err(|_| invalid("the key of a piece is its offset in 8 bytes"))?;
        let length = u32::from_cbor(bytes)?;
        if !(1..=PIECE_BYTES).contains(&length) || offset % u64::from(PIECE_BYTES) != 0 {
            return Err(invalid("a piece starts at a multiple of 256 KiB and has at most that many bytes"));
        }
        Ok(Self { offset, length, cid: one_link(links)? })
    }
}

/// Where the pieces of a blob of `length` bytes begin and how long they are. Nothing is one empty piece.
pub fn pieces(length: u64) -> impl Iterator<Item = (u64, u32)> {
    let step = u64::from(PIECE_BYTES);
    (0..length.div_ceil(step).max(1)).map(move |at| (at * step, (length - at * step).min(step) as u32))
}

fn one_link(links: &[Cid]) -> Result<Cid, DecodeError> {
    match links {
        [cid] => Ok(*cid),
        _ => Err(invalid("contents and pieces name one block each")),
    }
}

fn invalid(why: &'static str) -> DecodeError {
    DecodeError::new(0, DecodeErrorKind::Invalid(why))
}
