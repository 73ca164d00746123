//! Names that others gave: to be printed, and to be written to a disk.
//!
//! Attack stopped: a name that hides a file, leads out of the directory, or rewrites the terminal.

use std::fmt;

use mimei_core::cid::MimeiId;

/// Characters of an id that tell MiMeis apart for a person: its end, as all begin alike.
const SHORT_CHARS: usize = 12;

/// Why a file is not written under the name that it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::cli) enum NameError {
    Hidden(String),
    Unprintable(String),
    Separator(String),
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, why) = match self {
            Self::Hidden(name) => (name, "begins with a dot and would be hidden"),
            Self::Unprintable(name) => (name, "has characters that cannot be seen"),
            Self::Separator(name) => (name, "has a character that separates directories"),
        };
        write!(f, "the file \"{}\" is not written: its name {why}; nothing was fetched", printable(name))
    }
}

impl std::error::Error for NameError {}

/// The name if it may stand in a directory of this machine.
pub(in crate::cli) fn checked(name: &str) -> Result<&str, NameError> {
    if name.starts_with('.') {
        Err(NameError::Hidden(name.into()))
    } else if name.contains(['/', '\\']) {
        Err(NameError::Separator(name.into()))
    } else if name.chars().any(is_unseen) {
        Err(NameError::Unprintable(name.into()))
    } else {
        Ok(name)
    }
}

/// The name as it may stand on a terminal.
pub(in crate::cli) fn printable(name: &str) -> String {
    name.chars().map(|c| if is_unseen(c) { c.escape_unicode().to_string() } else { c.to_string() }).collect()
}

/// Control characters, and those that turn the direction of text or take no room; not the joiners
/// of scripts and pictures.
fn is_unseen(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// A name for what has none of its own.
pub(in crate::cli) fn of_id(mimei: &MimeiId, ext: &str) -> String {
    let id = mimei.to_string();
    let short = &id[id.len().saturating_sub(SHORT_CHARS)..];
    if ext.is_empty() { format!("mimei-{short}") } else { format!("mimei-{short}.{ext}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_names_are_written_as_they_are() {
        for name in ["a", "my file.txt", "ünïcode €.pdf", "a..b", "-rf", "日本.txt", "👩\u{200d}💻.png"] {
            assert_eq!(checked(name), Ok(name));
            assert_eq!(printable(name), name);
        }
    }

    #[test]
    fn names_that_hide_or_deceive_are_refused() {
        for name in [".", "..", ".bashrc", ".ssh"] {
            assert_eq!(checked(name), Err(NameError::Hidden(name.into())));
        }
        for name in ["a/b", "..\\b"] {
            assert!(matches!(checked(name), Err(NameError::Hidden(_) | NameError::Separator(_))), "{name}");
        }
        for name in ["a\nb", "a\x1b[2Jb", "a\u{7f}", "a\u{202e}fdp.exe", "a\u{200b}b", "\u{feff}a"] {
            assert_eq!(checked(name), Err(NameError::Unprintable(name.into())), "{name:?}");
        }
    }

    #[test]
    fn what_is_told_of_a_bad_name_is_safe_to_print() {
        let told = checked("a\x1b]0;x\u{202e}").unwrap_err().to_string();
        assert!(told.contains("a\\u{1b}]0;x\\u{202e}"), "{told}");
        assert!(!told.chars().any(is_unseen));
    }
}
