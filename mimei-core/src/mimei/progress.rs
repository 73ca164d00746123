//! How far an upload has come, so that others may read what is there already.
//!
//! Stops: pieces passing for parts of a file that nobody answers for. A record
//! names the root of a state that holds the file as far as it is there, sealed
//! like any state; the file's name and type are in it, and no relay reads them.
//! It is no version: it is told, not kept, and means nothing after its lease.

use core::fmt;
use core::str::FromStr;

use super::contents::PIECE_BYTES;
use super::signer::{Logs, Signer, SignerError};
use crate::cbor::{Cbor, DecodeError, Reader, Writer};
use crate::cid::{Cid, MimeiId};
use crate::record::record;
use crate::sign::{Domain, Signed};
use crate::time::Millis;

/// Names one upload of one device: 16 random bytes, as text 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct UploadId(pub [u8; 16]);

impl fmt::Display for UploadId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl FromStr for UploadId {
    type Err = UploadIdError;

    fn from_str(text: &str) -> Result<Self, UploadIdError> {
        let digits = text.len() == 32 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        let id = u128::from_str_radix(text, 16).ok().filter(|_| digits).ok_or(UploadIdError)?;
        Ok(Self(id.to_be_bytes()))
    }
}

/// A text that names no upload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct UploadIdError;

impl fmt::Display for UploadIdError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an upload is named by 32 hexadecimal digits")
    }
}

impl core::error::Error for UploadIdError {}

impl Cbor for UploadId {
    fn write(&self, w: &mut Writer) {
        self.0.write(w);
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        Cbor::read(r).map(Self)
    }
}

record! {
    /// How far an upload has come.
    pub struct Progress {
        /// Who uploads.
        "by" => by: Signer,
        /// Bytes of the file that are there: whole pieces, or all of it.
        "done" => done: u64,
        /// Root of a state that holds this one file, `done` bytes long; null when the upload is over.
        "root" => root: Option<Cid>,
        /// When, by the signer's clock; a later one of the same upload takes its place.
        "time" => time: Millis,
        /// Into which MiMei.
        "mimei" => mimei: MimeiId,
        /// Bytes that the file will have.
        "total" => total: u64,
        /// Which upload.
        "upload" => upload: UploadId,
    }
}

/// Why a progress record was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ProgressError {
    /// It belongs to another MiMei.
    OtherMimei,
    /// What is there is nothing, more than the whole, or no whole pieces.
    BadLength,
    /// It is not by whom it says.
    Signer(SignerError),
}

impl fmt::Display for ProgressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OtherMimei => f.write_str("the progress belongs to another MiMei"),
            Self::BadLength => f.write_str("the progress names a length that is none of whole pieces within the file"),
            Self::Signer(error) => write!(f, "the progress was refused: {error}"),
        }
    }
}

impl core::error::Error for ProgressError {}

impl Progress {
    fn has_length(&self) -> bool {
        let is_whole = self.done == self.total || self.done.is_multiple_of(u64::from(PIECE_BYTES));
        self.root.is_none() || (self.done > 0 && self.done <= self.total && is_whole)
    }
}

/// Checks form and signature. Whether its signer may save is for the access chain to say.
pub fn check_progress(signed: &Signed<Progress>, mimei: &MimeiId, logs: &impl Logs) -> Result<(), ProgressError> {
    let progress = &signed.body;
    if progress.mimei != *mimei {
        return Err(ProgressError::OtherMimei);
    }
    if !progress.has_length() {
        return Err(ProgressError::BadLength);
    }
    progress.by.check(signed, Domain::Progress, mimei, logs).map_err(ProgressError::Signer)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;

    use super::*;

    #[test]
    fn the_text_of_an_upload_is_read_back_and_nothing_else_is() {
        let id = UploadId(core::array::from_fn(|at| at as u8));
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in ["", "0", "000102030405060708090A0B0C0D0E0F", "+00102030405060708090a0b0c0d0e0f"] {
            assert_eq!(text.parse::<UploadId>(), Err(UploadIdError), "{text}");
        }
    }
}
