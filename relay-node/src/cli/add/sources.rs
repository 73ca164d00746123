//! Files of this machine on their way into a MiMei.

use std::collections::BTreeSet;
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use mimei_core::cid::{Cid, MimeiId};
use mimei_core::mimei::{FileName, LabelError, MediaType, PIECE_BYTES};
use mimei_core::peer::{ItemCommand, ItemOutcome, NewFile};

use super::telling::Telling;
use crate::cli::progress::Progress;
use crate::cli::{Failure, Person, unexpected};

/// A file that is to be added, open.
pub(super) struct Source {
    path: PathBuf,
    /// What it will be called.
    pub(super) name: FileName,
    file: File,
    /// What the file system says; what is really read counts.
    length: u64,
}

/// Why a file cannot be added.
#[derive(Debug)]
pub(super) enum SourceError {
    Unreadable(PathBuf, io::Error),
    NotAFile(PathBuf),
    Name(PathBuf, Option<LabelError>),
    Twice(String),
}

impl fmt::Display for SourceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable(path, error) => write!(f, "cannot read {}: {error}", path.display()),
            Self::NotAFile(path) => write!(f, "{} is no file; name the files in it", path.display()),
            Self::Name(path, Some(error)) => write!(f, "{} cannot be added: {error}", path.display()),
            Self::Name(path, None) => write!(f, "{} cannot be added: its name is not UTF-8", path.display()),
            Self::Twice(name) => write!(f, "two of the files are called {name}; add one of them under another name"),
        }
    }
}

impl std::error::Error for SourceError {}

impl Source {
    /// Opens all before anything is changed.
    pub(super) fn open_all(paths: &[PathBuf]) -> Result<Vec<Self>, SourceError> {
        let sources: Vec<_> = paths.iter().map(|path| Self::open(path)).collect::<Result<_, _>>()?;
        let mut names = BTreeSet::new();
        match sources.iter().find(|source| !names.insert(&source.name)) {
            Some(twice) => Err(SourceError::Twice(twice.name.as_str().into())),
            None => Ok(sources),
        }
    }

    fn open(path: &Path) -> Result<Self, SourceError> {
        let unreadable = |error| SourceError::Unreadable(path.to_owned(), error);
        let about = std::fs::metadata(path).map_err(unreadable)?;
        // Opening a pipe would wait for whoever writes to it.
        if !about.is_file() {
            return Err(SourceError::NotAFile(path.to_owned()));
        }
        let bad_name = |why| SourceError::Name(path.to_owned(), why);
        let name = path.file_name().and_then(|name| name.to_str()).ok_or_else(|| bad_name(None))?;
        let name = FileName::new(name).map_err(|why| bad_name(Some(why)))?;
        let file = File::open(path).map_err(unreadable)?;
        Ok(Self { path: path.to_owned(), name, file, length: about.len() })
    }

    /// Puts its pieces into the MiMei, under a name if that is a folder.
    pub(super) async fn upload(
        mut self,
        person: &Person,
        mimei: MimeiId,
        name: Option<FileName>,
    ) -> Result<(NewFile, Option<Telling>), Failure> {
        let media = media(self.name.as_str());
        let mut telling = Telling::new(mimei, name, media.clone(), self.length);
        let mut progress = Progress::new();
        let (mut pieces, mut length): (Vec<Cid>, u64) = (Vec::new(), 0);
        loop {
            let bytes = self.piece().map_err(|error| SourceError::Unreadable(self.path.clone(), error))?;
            let read = bytes.len();
            // Nothing is one empty piece.
            if read == 0 && !pieces.is_empty() {
                break;
            }
            length += read as u64;
            match person.item(ItemCommand::PutPiece { mimei, bytes }).await? {
                ItemOutcome::Piece(cid) => pieces.push(cid),
                other => return Err(unexpected(other)),
            }
            progress.bytes(self.name.as_str(), length, self.length.max(length));
            let is_last = read < PIECE_BYTES as usize;
            if let Some(telling) = &mut telling {
                telling.kept(person, &pieces, is_last || length == self.length).await;
            }
            if is_last {
                break;
            }
        }
        Ok((NewFile { pieces, length, media }, telling))
    }

    /// The next piece; shorter only at the end.
    fn piece(&mut self) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(PIECE_BYTES as usize);
        (&mut self.file).take(u64::from(PIECE_BYTES)).read_to_end(&mut bytes)?;
        Ok(bytes)
    }
}

/// What is claimed of a file, for programs that sort or choose a picture; it decides nothing.
fn media(name: &str) -> MediaType {
    const TYPES: &[(&str, &str)] = &[
        ("png", "image/png"),
        ("jpg", "image/jpeg"),
        ("jpeg", "image/jpeg"),
        ("gif", "image/gif"),
        ("webp", "image/webp"),
        ("avif", "image/avif"),
        ("svg", "image/svg+xml"),
        ("mp4", "video/mp4"),
        ("webm", "video/webm"),
        ("mp3", "audio/mpeg"),
        ("m4a", "audio/mp4"),
        ("ogg", "audio/ogg"),
        ("opus", "audio/ogg"),
        ("flac", "audio/flac"),
        ("wav", "audio/wav"),
        ("txt", "text/plain"),
        ("md", "text/markdown"),
        ("csv", "text/csv"),
        ("html", "text/html"),
        ("json", "application/json"),
        ("pdf", "application/pdf"),
        ("zip", "application/zip"),
    ];
    let ext = name.rsplit_once('.').map_or("", |(_, ext)| ext);
    let known = TYPES.iter().find(|(of, _)| ext.eq_ignore_ascii_case(of));
    MediaType::new(known.map_or("application/octet-stream", |(_, media)| media)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(directory: &Path, name: &str, bytes: usize) -> PathBuf {
        let path = directory.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, vec![7; bytes]).unwrap();
        path
    }

    #[test]
    fn a_file_is_read_in_whole_pieces() {
        let directory = tempfile::tempdir().unwrap();
        let piece = PIECE_BYTES as usize;
        let mut source = Source::open(&file(directory.path(), "a", 2 * piece + 1)).unwrap();
        let lengths: Vec<_> = (0..4).map(|_| source.piece().unwrap().len()).collect();
        assert_eq!(lengths, [piece, piece, 1, 0]);
    }

    #[test]
    fn two_files_of_one_name_are_refused() {
        let directory = tempfile::tempdir().unwrap();
        let (one, other) = (file(directory.path(), "x/a", 1), file(directory.path(), "y/a", 1));
        assert!(Source::open_all(std::slice::from_ref(&one)).is_ok());
        assert!(matches!(Source::open_all(&[one, other]), Err(SourceError::Twice(name)) if name == "a"));
    }

    #[test]
    fn what_is_no_file_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        assert!(matches!(Source::open(directory.path()), Err(SourceError::NotAFile(_))));
        assert!(matches!(Source::open(&directory.path().join("none")), Err(SourceError::Unreadable(..))));
        assert!(matches!(Source::open(Path::new("/dev/null")), Err(SourceError::NotAFile(_))));
    }
}
