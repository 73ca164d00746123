//! A large file on its way: the relay is told of its pieces, so that others read what is there already.

use mimei_core::cid::{Cid, MimeiId};
use mimei_core::mimei::{FileName, MediaType, PIECE_BYTES, UploadId};
use mimei_core::peer::{ItemCommand, UploadPart};

use crate::cli::Person;
use crate::keys::fresh_seed;

/// Of a smaller file nothing is told: it is there at once.
const PIECES_MIN: u64 = 4;
/// Pieces between one telling and the next: 4 MiB.
const PIECES_AT_ONCE: usize = 16;

/// What is told of one upload.
pub(super) struct Telling {
    mimei: MimeiId,
    upload: UploadId,
    name: Option<FileName>,
    media: MediaType,
    total: u64,
    told: usize,
}

impl Telling {
    pub(super) fn new(mimei: MimeiId, name: Option<FileName>, media: MediaType, total: u64) -> Option<Self> {
        let upload = UploadId(fresh_seed().first_chunk().copied().unwrap_or_default());
        let is_large = total >= PIECES_MIN * u64::from(PIECE_BYTES);
        is_large.then_some(Self { mimei, upload, name, media, total, told: 0 })
    }

    /// So many pieces are kept. What cannot be told is no reason to stop: saving says what is wrong.
    pub(super) async fn kept(&mut self, person: &Person, pieces: &[Cid], is_whole: bool) {
        let new = &pieces[self.told..];
        if new.is_empty() || !(is_whole || new.len() >= PIECES_AT_ONCE) {
            return;
        }
        let part = UploadPart {
            upload: self.upload,
            name: self.name.clone(),
            media: self.media.clone(),
            total: self.total,
            at: self.told,
            pieces: new.to_vec(),
        };
        if person.item(ItemCommand::TellUpload { mimei: self.mimei, part }).await.is_ok() {
            self.told = pieces.len();
        }
    }

    /// A version holds it.
    pub(super) async fn saved(self, person: &Person) {
        let Self { mimei, upload, .. } = self;
        // Otherwise what was told runs out by itself.
        let _ = person.item(ItemCommand::EndUpload { mimei, upload, is_saved: true }).await;
    }
}
