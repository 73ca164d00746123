//! Names, state keys and contents.

use mimei_core::cbor::Cbor;
use mimei_core::cid::{Cid, Codec};
use mimei_core::mimei::{
    App, Contents, Ext, FileName, Genesis, Kind, Label, LabelError, MediaType, PIECE_BYTES, Piece, StateKey, auto_name,
    keyed_name, pieces,
};

use crate::world::World;

fn cid(text: &str) -> Cid {
    Cid::of(Codec::Raw, text.as_bytes())
}

#[test]
fn the_same_name_is_the_same_mimei_and_anything_else_another() {
    let world = World::new(2);
    let app = App::new("org.example.notes").unwrap();
    let genesis = |author: usize, ext: &str, kind: Kind, name: &str| Genesis {
        name: keyed_name(&world.people[author].root.root.name_secret, &app, name).unwrap(),
        app: app.clone(),
        ext: Ext::new(ext).unwrap(),
        kind,
        author: world.user(author),
    };
    let id = genesis(0, "md", Kind::File, "diary").id();
    assert_eq!(id, genesis(0, "md", Kind::File, "diary").id());
    for other in [
        genesis(1, "md", Kind::File, "diary"),
        genesis(0, "txt", Kind::File, "diary"),
        genesis(0, "md", Kind::Folder, "diary"),
        genesis(0, "md", Kind::File, "Diary"),
    ] {
        assert_ne!(id, other.id());
    }
    assert_ne!(auto_name(&[1; 32]), auto_name(&[2; 32]));
}

#[test]
fn a_genesis_with_a_field_out_of_form_is_not_decoded() {
    let world = World::new(1);
    let bytes = world.genesis.to_cbor();
    assert_eq!(Genesis::from_cbor(&bytes), Ok(world.genesis.clone()));
    let replace = |from: &[u8], to: &[u8]| {
        let at = bytes.windows(from.len()).position(|w| w == from).unwrap();
        [&bytes[..at], to, &bytes[at + from.len()..]].concat()
    };
    assert!(Genesis::from_cbor(&replace(b"org.example.test", b"ORG.example.test")).is_err());
    assert!(Genesis::from_cbor(&replace(b"folder", b"foldex")).is_err());
    assert!(Genesis::from_cbor(&bytes[..bytes.len() - 1]).is_err());
}

#[test]
fn state_keys_read_back_and_files_lie_in_one_range() {
    let file = StateKey::File(FileName::new("a ü.txt").unwrap());
    let label = Label::new("made/with").unwrap();
    let keys = [StateKey::Contents, StateKey::Memo, file.clone(), StateKey::Info(label.clone()), StateKey::Tag(label)];
    for key in &keys {
        assert_eq!(StateKey::from_bytes(&key.to_bytes()).as_ref(), Some(key));
        let bytes = key.to_bytes();
        let in_range = *StateKey::FILES.0 <= *bytes && *bytes < *StateKey::FILES.1;
        assert_eq!(in_range, *key == file);
    }
    for unknown in [&b""[..], b"f", b"f/", b"f/a/b", b"f/..", b"x/a", b"contents2", b"i/\0", b"t/\xff"] {
        assert_eq!(StateKey::from_bytes(unknown), None, "{unknown:?}");
    }
}

#[test]
fn file_names_that_mean_places_are_refused() {
    assert_eq!(FileName::new(""), Err(LabelError::Length));
    assert_eq!(FileName::new(&"n".repeat(256)), Err(LabelError::Length));
    assert_eq!(FileName::new("a/b"), Err(LabelError::Character));
    assert_eq!(FileName::new("a\0"), Err(LabelError::Character));
    for name in [".", ".."] {
        assert_eq!(FileName::new(name), Err(LabelError::Dots));
    }
    for name in ["...", ".hidden", "a\\b", " "] {
        assert!(FileName::new(name).is_ok());
    }
    assert!(FileName::new(&"n".repeat(255)).is_ok());
}

#[test]
fn contents_and_pieces_read_back_as_map_values() {
    let contents = Contents { blob: cid("b"), length: 1 << 40, media: MediaType::new("text/plain").unwrap() };
    let (bytes, links) = contents.to_value();
    assert_eq!(Contents::from_value(&bytes, &links), Ok(contents));
    assert!(Contents::from_value(&bytes, &[]).is_err());
    assert!(Contents::from_value(&bytes, &[cid("a"), cid("b")]).is_err());
    assert!(Contents::from_value(&bytes[1..], &links).is_err());
    let piece = Piece { offset: 3 * u64::from(PIECE_BYTES), length: 5, cid: cid("p") };
    let (bytes, links) = piece.to_value();
    let key = Piece::key(piece.offset);
    assert_eq!(Piece::from_entry(&key, &bytes, &links), Ok(piece));
    assert!(Piece::from_entry(&Piece::key(1), &bytes, &links).is_err());
    assert!(Piece::from_entry(&key[1..], &bytes, &links).is_err());
    for length in [0, PIECE_BYTES + 1] {
        assert!(Piece::from_entry(&key, &length.to_cbor(), &links).is_err());
    }
    assert!(MediaType::new(&"x".repeat(128)).is_none() && MediaType::new("a\nb").is_none());
}

#[test]
fn pieces_cover_a_blob_without_gaps() {
    let step = u64::from(PIECE_BYTES);
    for length in [0, 1, step - 1, step, step + 1, 5 * step, 5 * step + 7] {
        let mut end = 0;
        for (offset, bytes) in pieces(length) {
            assert_eq!(offset, end);
            assert_eq!(Piece::key(offset), offset.to_be_bytes());
            end += u64::from(bytes);
        }
        assert_eq!(end, length);
        let contents = Contents { blob: cid("b"), length, media: MediaType::default() };
        assert_eq!(contents.is_one_piece(), pieces(length).count() == 1);
    }
    assert_eq!(pieces(0).collect::<Vec<_>>(), [(0, 0)]);
    assert_eq!(pieces(u64::MAX).next(), Some((0, PIECE_BYTES)));
}
