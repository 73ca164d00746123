//! What may be shown on this origin: pictures of dots, sound, film and plain text.
//!
//! Attack stopped: bytes of strangers that a browser runs. What a writer claims of a file is never
//! looked at. The type follows from the name by the table below, and pictures, sound and film must
//! begin as such a file begins. Everything else is something to save, not to show.

/// Bytes of a file's beginning that tell what it is.
const MAGIC_BYTES: usize = 12;

/// What a type's files begin with.
#[derive(Clone, Copy)]
enum Magic {
    /// Nothing: a browser that may not sniff shows text whatever it is.
    Any,
    /// These bytes.
    Start(&'static [u8]),
    /// One of these after the four bytes of a length or a name: `RIFF` and the MP4 family.
    At4(&'static [u8]),
    /// `RIFF`, a length, and this.
    Riff(&'static [u8; 4]),
    /// `ftyp` and one of these brands.
    Brand(&'static [&'static [u8; 4]]),
    /// An ID3 tag or the first frame of MPEG audio.
    Mpeg,
    /// The first frame of AAC.
    Adts,
}

const TEXT: &str = "text/plain; charset=utf-8";

/// What follows the last dot, the type it is shown as, and how such a file begins.
const TABLE: &[(&str, &str, Magic)] = &[
    ("png", "image/png", Magic::Start(b"\x89PNG\r\n\x1a\n")),
    ("jpg", "image/jpeg", Magic::Start(b"\xff\xd8\xff")),
    ("jpeg", "image/jpeg", Magic::Start(b"\xff\xd8\xff")),
    ("gif", "image/gif", Magic::Start(b"GIF8")),
    ("webp", "image/webp", Magic::Riff(b"WEBP")),
    ("avif", "image/avif", Magic::Brand(&[b"avif", b"avis"])),
    ("mp4", "video/mp4", Magic::At4(b"ftyp")),
    ("m4v", "video/mp4", Magic::At4(b"ftyp")),
    ("webm", "video/webm", Magic::Start(b"\x1a\x45\xdf\xa3")),
    ("ogv", "video/ogg", Magic::Start(b"OggS")),
    ("m4a", "audio/mp4", Magic::At4(b"ftyp")),
    ("mp3", "audio/mpeg", Magic::Mpeg),
    ("aac", "audio/aac", Magic::Adts),
    ("ogg", "audio/ogg", Magic::Start(b"OggS")),
    ("oga", "audio/ogg", Magic::Start(b"OggS")),
    ("opus", "audio/ogg", Magic::Start(b"OggS")),
    ("flac", "audio/flac", Magic::Start(b"fLaC")),
    ("wav", "audio/wav", Magic::Riff(b"WAVE")),
    ("txt", TEXT, Magic::Any),
    ("text", TEXT, Magic::Any),
    ("md", TEXT, Magic::Any),
    ("log", TEXT, Magic::Any),
    ("csv", TEXT, Magic::Any),
];

/// A type that may be shown, if the file is one.
#[derive(Clone, Copy)]
pub(super) struct Inert {
    media: &'static str,
    magic: Magic,
}

impl Inert {
    /// The type that a name promises.
    pub(super) fn of_name(name: &str) -> Option<Self> {
        let (_, ext) = name.rsplit_once('.')?;
        let row = TABLE.iter().find(|(of, ..)| ext.eq_ignore_ascii_case(of))?;
        Some(Self { media: row.1, magic: row.2 })
    }

    /// Whether the beginning of the file must be looked at.
    pub(super) fn needs_start(self) -> bool {
        !matches!(self.magic, Magic::Any)
    }

    /// The type, if a file that starts so is of it.
    pub(super) fn confirmed_by(self, start: &[u8]) -> Option<&'static str> {
        let start = &start[..start.len().min(MAGIC_BYTES)];
        let at = |at: usize, bytes: &[u8]| start.get(at..).is_some_and(|rest| rest.starts_with(bytes));
        let has_second = |fits: fn(u8) -> bool| start.first() == Some(&0xff) && start.get(1).is_some_and(|b| fits(*b));
        let fits = match self.magic {
            Magic::Any => true,
            Magic::Start(bytes) => at(0, bytes),
            Magic::At4(bytes) => at(4, bytes),
            Magic::Riff(form) => at(0, b"RIFF") && at(8, form),
            Magic::Brand(brands) => at(4, b"ftyp") && brands.iter().any(|brand| at(8, *brand)),
            Magic::Mpeg => at(0, b"ID3") || has_second(|b| b & 0xe6 == 0xe2),
            Magic::Adts => has_second(|b| b & 0xf6 == 0xf0),
        };
        fits.then_some(self.media)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(name: &str, start: &[u8]) -> Option<&'static str> {
        Inert::of_name(name)?.confirmed_by(start)
    }

    #[test]
    fn what_is_what_its_name_says_is_shown() {
        let cases: [(&str, &[u8], &str); 9] = [
            ("a.png", b"\x89PNG\r\n\x1a\n....", "image/png"),
            ("A.JPG", b"\xff\xd8\xff\xe0....", "image/jpeg"),
            ("a.b.webp", b"RIFF\x10\0\0\0WEBPVP8 ", "image/webp"),
            ("a.avif", b"\0\0\0\x1cftypavif\0", "image/avif"),
            ("a.mp4", b"\0\0\0\x18ftypisom", "video/mp4"),
            ("a.mp3", b"ID3\x04", "audio/mpeg"),
            ("a.mp3", b"\xff\xfb\x90", "audio/mpeg"),
            ("a.aac", b"\xff\xf1\x50", "audio/aac"),
            ("a.txt", b"", "text/plain; charset=utf-8"),
        ];
        for (name, start, media) in cases {
            assert_eq!(shown(name, start), Some(media), "{name}");
        }
    }

    #[test]
    fn what_browsers_run_is_never_shown() {
        for name in ["a.html", "a.htm", "a.svg", "a.xml", "a.xhtml", "a.js", "a.mjs", "a.css", "a.pdf", "a.wasm"] {
            assert_eq!(shown(name, b"<html><script>"), None, "{name}");
        }
        assert!(shown("png", b"\x89PNG\r\n\x1a\n").is_none() && shown("a.", b"").is_none(), "no dot, no type");
        assert_eq!(shown("a.png.html", b"\x89PNG\r\n\x1a\n"), None, "the last dot counts");
    }

    #[test]
    fn what_only_its_name_says_is_not_shown() {
        for name in ["a.png", "a.jpg", "a.gif", "a.webp", "a.avif", "a.mp4", "a.webm", "a.mp3", "a.wav", "a.flac"] {
            assert_eq!(shown(name, b"<svg onload=alert(1)>"), None, "{name}");
            assert_eq!(shown(name, b""), None, "{name} without contents");
        }
        assert_eq!(shown("a.webp", b"RIFF\x10\0\0\0WAVE"), None);
        assert_eq!(shown("a.mp3", b"\xff\xd8\xff"), None, "a JPEG is no sound");
    }
}
