//! A file is read by others while it is still being put.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use mimei_core::cid::{Cid, MimeiId, VersionId};
use mimei_core::limits::UPLOAD_LEASE_MS;
use mimei_core::link::Link;
use mimei_core::mimei::{FileName, Kind, MediaType, PIECE_BYTES, Rights, UploadId};
use mimei_core::peer::{
    CommandError, Edit, FileEntry, ItemCommand, ItemOutcome, NewFile, ShareTo, UploadPart, UploadView,
};
use tests::desk::{Desk, Seat};
use tests::sim;

const NAME: &str = "holiday.webm";
const UPLOAD: UploadId = UploadId([7; 16]);
/// Long enough for a few pieces over any link.
const A_WHILE_MS: u64 = 10_000;

/// Somebody who puts a file, piece by piece, and somebody who watches.
struct Scene {
    desk: Desk,
    author: Seat,
    reader: Seat,
    mimei: MimeiId,
    link: Link,
    kind: Kind,
    bytes: Vec<u8>,
    pieces: Vec<Cid>,
    told: usize,
}

fn scene(seed: u64, kind: Kind, bytes: usize) -> Scene {
    let mut desk = Desk::new(seed, sim::Link::good());
    let [author, reader] = [(); 2].map(|()| desk.seat());
    let mimei = desk.create(author.node, kind, "album", false);
    let link = desk.share(author.node, mimei, ShareTo::Link, Rights::READER).unwrap();
    desk.settle(author.node, mimei).unwrap();
    desk.open(reader, &link).unwrap();
    let bytes = (0..bytes).map(|at| (at / 7 * (at % 251)) as u8).collect();
    Scene { desk, author, reader, mimei, link, kind, bytes, pieces: Vec::new(), told: 0 }
}

impl Scene {
    fn name(&self) -> Option<FileName> {
        (self.kind == Kind::Folder).then(|| FileName::new(NAME).unwrap())
    }

    fn media() -> MediaType {
        MediaType::new("video/webm").unwrap()
    }

    fn put(&mut self, pieces: usize) {
        for _ in 0..pieces {
            let from = self.pieces.len() * PIECE_BYTES as usize;
            let piece = self.bytes[from..self.bytes.len().min(from + PIECE_BYTES as usize)].to_vec();
            match self.desk.run(self.author.node, ItemCommand::PutPiece { mimei: self.mimei, bytes: piece }).unwrap() {
                ItemOutcome::Piece(cid) => self.pieces.push(cid),
                other => panic!("not a piece: {other:?}"),
            }
        }
    }

    fn tell(&mut self) -> Result<(), CommandError> {
        let (at, total) = (self.told, self.bytes.len() as u64);
        let pieces = self.pieces[at..].to_vec();
        let part = UploadPart { upload: UPLOAD, name: self.name(), media: Self::media(), total, at, pieces };
        self.desk.run(self.author.node, ItemCommand::TellUpload { mimei: self.mimei, part })?;
        self.told = self.pieces.len();
        Ok(())
    }

    fn put_and_tell(&mut self, pieces: usize) {
        self.put(pieces);
        self.tell().unwrap();
    }

    fn end(&mut self, is_saved: bool) {
        let end = ItemCommand::EndUpload { mimei: self.mimei, upload: UPLOAD, is_saved };
        self.desk.run(self.author.node, end).unwrap();
    }

    fn save(&mut self) -> VersionId {
        let file = Some(NewFile { pieces: self.pieces.clone(), length: self.bytes.len() as u64, media: Self::media() });
        let edits = vec![Edit { name: self.name(), file }];
        match self.desk.run(self.author.node, ItemCommand::Save { mimei: self.mimei, edits, memo: String::new() }) {
            Ok(ItemOutcome::Saved { version, .. }) => version,
            other => panic!("not saved: {other:?}"),
        }
    }

    /// What the reader is shown.
    fn uploads(&mut self) -> Vec<UploadView> {
        self.desk.view(self.reader.node, self.mimei).uploads
    }

    /// Waits until the reader is shown uploads of which that holds.
    fn until(&mut self, what: &str, holds: impl Fn(&[UploadView]) -> bool) {
        for _ in 0..200 {
            if holds(&self.uploads()) {
                return;
            }
            self.desk.sim.run_for(A_WHILE_MS / 100);
        }
        panic!("{what}: {:?}", self.uploads());
    }

    fn shown(&mut self) -> Result<FileEntry, CommandError> {
        let list = ItemCommand::ListUpload { mimei: self.mimei, upload: UPLOAD };
        match self.desk.run(self.reader.node, list)? {
            ItemOutcome::Files(files) => Ok(files[0].clone()),
            other => panic!("not a list: {other:?}"),
        }
    }

    /// All that the reader finds of it so far.
    fn read(&mut self) -> Vec<u8> {
        let contents = self.shown().unwrap().contents;
        let mut read = Vec::new();
        for (offset, _) in mimei_core::mimei::pieces(contents.length) {
            let command = ItemCommand::Read { mimei: self.mimei, contents: contents.clone(), offset };
            match self.desk.run(self.reader.node, command).unwrap() {
                ItemOutcome::Bytes(piece) => read.extend(piece),
                other => panic!("not a piece: {other:?}"),
            }
        }
        read
    }
}

const PIECE: usize = PIECE_BYTES as usize;

#[test]
fn what_is_there_of_an_upload_is_read_while_it_goes_on() {
    for kind in [Kind::File, Kind::Folder] {
        let mut scene = scene(1, kind, 9 * PIECE + 100);
        scene.put_and_tell(1);
        scene.until("one piece", |uploads| uploads.iter().any(|upload| upload.done == PIECE as u64));
        assert!(scene.read() == scene.bytes[..PIECE], "one piece");
        scene.put_and_tell(3);
        scene.put_and_tell(2);
        scene.until("six pieces", |uploads| uploads.iter().any(|upload| upload.done == 6 * PIECE as u64));
        assert_eq!(scene.uploads()[0].total, scene.bytes.len() as u64);
        let shown = scene.shown().unwrap();
        assert_eq!(shown.name.as_ref().map(FileName::as_str), (kind == Kind::Folder).then_some(NAME));
        assert_eq!(shown.contents.media, Scene::media());
        assert!(scene.read() == scene.bytes[..6 * PIECE], "six pieces");
        assert!(scene.desk.view(scene.reader.node, scene.mimei).versions.is_empty(), "it is no version");
        scene.put_and_tell(4);
        let version = scene.save();
        scene.end(true);
        scene.until("it is over", |uploads| uploads.is_empty());
        let (name, node, mimei) = (scene.name(), scene.reader.node, scene.mimei);
        let saved = scene.desk.read(node, mimei, version, name.as_ref().map(FileName::as_str)).unwrap();
        assert!(saved == scene.bytes, "the saved file");
    }
}

#[test]
fn an_upload_reads_the_same_as_the_file_that_is_saved_of_it() {
    let mut scene = scene(2, Kind::File, 40 * PIECE);
    for _ in 0..8 {
        scene.put_and_tell(5);
    }
    scene.until("all of it", |uploads| uploads.iter().any(|upload| upload.done == upload.total));
    let contents = scene.shown().unwrap().contents;
    let version = scene.save();
    scene.desk.settle(scene.author.node, scene.mimei).unwrap();
    let saved = scene.desk.list(scene.author.node, scene.mimei, version).unwrap();
    assert_eq!(saved[0].contents, contents, "grown piece by piece and built at once are one blob");
}

#[test]
fn somebody_who_comes_in_the_middle_sees_it_too() {
    let mut scene = scene(3, Kind::Folder, 8 * PIECE);
    scene.put_and_tell(4);
    scene.until("four pieces", |uploads| uploads.iter().any(|upload| upload.done == 4 * PIECE as u64));
    let late = scene.desk.seat();
    let (view, at, _) = scene.desk.open(late, &scene.link.clone()).unwrap();
    assert_eq!((at, view.uploads.len()), (None, 1));
    scene.reader = late;
    assert!(scene.read() == scene.bytes[..4 * PIECE], "what was there");
}

#[test]
fn an_upload_that_is_given_up_is_gone_at_once() {
    let mut scene = scene(4, Kind::File, 8 * PIECE);
    scene.put_and_tell(4);
    scene.until("four pieces", |uploads| !uploads.is_empty());
    scene.end(false);
    scene.until("it is over", |uploads| uploads.is_empty());
    assert!(matches!(scene.shown(), Err(CommandError::Item { code: "upload.over", .. })));
}

#[test]
fn an_upload_that_stands_still_is_shown_and_one_whose_device_is_gone_is_not() {
    let mut scene = scene(5, Kind::File, 8 * PIECE);
    scene.put_and_tell(4);
    scene.until("four pieces", |uploads| !uploads.is_empty());
    scene.desk.sim.run_for(2 * UPLOAD_LEASE_MS);
    assert_eq!(scene.uploads().len(), 1, "it goes on, however slowly");
    scene.desk.sim.crash(scene.author.node);
    scene.desk.sim.run_for(2 * UPLOAD_LEASE_MS + A_WHILE_MS);
    assert_eq!(scene.uploads(), [], "nobody is there any more who would finish it");
}

#[test]
fn a_relay_that_starts_again_is_told_again() {
    let mut scene = scene(6, Kind::File, 12 * PIECE);
    scene.put_and_tell(4);
    scene.until("four pieces", |uploads| !uploads.is_empty());
    scene.desk.sim.crash(scene.desk.relay);
    scene.desk.sim.restart(scene.desk.relay);
    scene.put_and_tell(4);
    scene.author.session = scene.desk.dial(scene.author.node);
    scene.reader.session = scene.desk.dial(scene.reader.node);
    scene.desk.open(scene.reader, &scene.link.clone()).unwrap();
    scene.until("eight pieces", |uploads| uploads.iter().any(|upload| upload.done == 8 * PIECE as u64));
    assert!(scene.read() == scene.bytes[..8 * PIECE], "what was there");
}

#[test]
fn what_does_not_follow_what_was_told_is_refused_with_what_to_do() {
    let mut scene = scene(7, Kind::File, 8 * PIECE);
    scene.put_and_tell(4);
    scene.told = 2;
    scene.put(1);
    assert!(matches!(scene.tell(), Err(CommandError::Item { code: "upload.gap", .. })));
    scene.told = 4;
    scene.pieces.resize(9, scene.pieces[0]);
    assert!(matches!(scene.tell(), Err(CommandError::Item { code: "argument.invalid", .. })), "more than the whole");
    scene.pieces.truncate(4);
    scene.pieces.push(*scene.mimei.cid());
    assert!(matches!(scene.tell(), Err(CommandError::Item { code: "argument.invalid", .. })), "never put");
}

#[test]
fn who_uploads_much_hears_what_others_save_meanwhile() {
    let mut scene = scene(8, Kind::Folder, 100 * PIECE);
    let (author, other, mimei) = (scene.author, scene.reader, scene.mimei);
    let writers = scene.desk.share(author.node, mimei, ShareTo::Link, Rights::WRITER).unwrap();
    scene.desk.settle(author.node, mimei).unwrap();
    scene.desk.open(other, &writers).unwrap();
    scene.desk.sim.partition(author.node, scene.desk.relay);
    scene.put(100);
    scene.tell().unwrap();
    let (version, _) = scene.desk.save(other.node, mimei, Some("note.txt"), b"look at this").unwrap();
    scene.desk.settle(other.node, mimei).unwrap();
    scene.desk.sim.heal(author.node, scene.desk.relay);
    scene.desk.dial(author.node);
    let heard = |scene: &mut Scene| scene.desk.view(author.node, mimei).versions.iter().any(|v| v.version == version);
    while !heard(&mut scene) {
        scene.desk.sim.run_for(10);
    }
    assert!(scene.desk.view(author.node, mimei).unsent_blocks > 50, "the upload was not over yet");
}

#[test]
fn who_may_only_read_tells_of_no_upload() {
    let mut scene = scene(9, Kind::File, 8 * PIECE);
    scene.put(1);
    scene.author = scene.reader;
    assert!(matches!(scene.tell(), Err(CommandError::Item { code: "access.denied", .. })));
}

#[test]
fn the_relay_learns_neither_name_nor_type() {
    let mut scene = scene(10, Kind::Folder, 8 * PIECE);
    scene.put_and_tell(4);
    scene.until("four pieces", |uploads| !uploads.is_empty());
    let disk = scene.desk.sim.node(scene.desk.relay).store.dump();
    for secret in [NAME, "video/webm"] {
        assert!(!disk.windows(secret.len()).any(|part| part == secret.as_bytes()), "{secret}");
    }
}

#[test]
fn what_is_saved_before_it_is_sent_is_sent_once() {
    let mut scene = scene(11, Kind::Folder, 64 * PIECE);
    scene.desk.sim.set_link(sim::Link { bytes_per_second: 8 << 20, ..sim::Link::good() });
    let before = scene.desk.sim.packets();
    for _ in 0..16 {
        scene.put_and_tell(4);
    }
    scene.save();
    scene.end(true);
    assert!(scene.desk.view(scene.author.node, scene.mimei).unsent_blocks > 32, "most of it waits");
    scene.desk.settle(scene.author.node, scene.mimei).unwrap();
    let packets = scene.desk.sim.packets() - before;
    // Five packets carry a piece; asks, answers and what is told are about as many.
    assert!(packets < 64 * 5 * 5 / 2, "{packets} packets for 64 pieces");
}
