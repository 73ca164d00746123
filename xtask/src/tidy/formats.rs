//! Format documents and format code change together.
//!
//! A document names the code it describes in a comment, `<!-- describes: path path/ -->`. The lock
//! file keeps a hash of each such file as it was when somebody last compared the two. Comments,
//! blank lines and tests are left out of the hash.

use std::collections::BTreeMap;

use super::tree::Tree;

/// The hashes, written by `cargo xtask tidy --bless`.
pub(super) const LOCK: &str = "docs/format.lock";

/// The documents that must exist.
const DOCUMENTS: [&str; 3] = ["docs/credit.md", "docs/format.md", "docs/protocol.md"];

/// Enough to notice a change; nobody is attacking this.
const HASH_CHARS: usize = 16;

/// What the lock file begins with.
const HEADER: &str = "# Written by `cargo xtask tidy --bless`, after reading document and code side by side.\n";

/// `(document, source)` to hash.
type Hashes = BTreeMap<(String, String), String>;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let now = match hashes(tree) {
        Ok(now) => now,
        Err(wrong) => return vec![wrong],
    };
    let blessed = parse(tree.text(LOCK).unwrap_or_default());
    let changed = now.iter().filter(|(key, hash)| blessed.get(*key) != Some(hash));
    let gone = blessed.keys().filter(|key| !now.contains_key(*key));
    changed
        .map(|((document, source), _)| {
            format!(
                "{source} changed: see that {document} still describes it, then run \
                 `cargo xtask tidy --bless`"
            )
        })
        .chain(gone.map(|(document, source)| {
            format!("{source} left {document}: if that is right, run `cargo xtask tidy --bless`")
        }))
        .collect()
}

/// The lock file for the tree as it is.
pub(super) fn lock_text(tree: &Tree) -> Result<String, String> {
    let lines = hashes(tree)?;
    let lines = lines.iter().map(|((document, source), hash)| format!("{document} {source} {hash}\n"));
    Ok(HEADER.to_owned() + &lines.collect::<String>())
}

fn parse(lock: &str) -> Hashes {
    let lines = lock.lines().filter(|line| !line.starts_with('#'));
    lines
        .filter_map(|line| {
            let mut words = line.split(' ').map(str::to_owned);
            Some(((words.next()?, words.next()?), words.next()?))
        })
        .collect()
}

fn hashes(tree: &Tree) -> Result<Hashes, String> {
    let mut found = Hashes::new();
    for document in DOCUMENTS {
        let text = tree.text(document).ok_or(format!("{document} is missing"))?;
        for source in described(tree, document, text)? {
            let hash = blake3::hash(essence(tree.text(&source).unwrap_or_default()).as_bytes());
            let hash = hash.to_hex()[..HASH_CHARS].to_owned();
            found.insert((document.to_owned(), source), hash);
        }
    }
    Ok(found)
}

/// The files that the document names, folders opened up.
fn described(tree: &Tree, document: &str, text: &str) -> Result<Vec<String>, String> {
    let comments = text.split("<!-- describes:").skip(1);
    let words = comments.filter_map(|rest| rest.split("-->").next()).flat_map(str::split_whitespace);
    let mut files = Vec::new();
    for word in words {
        let found: Vec<String> = if word.ends_with('/') {
            tree.below(word).filter(|path| path.ends_with(".rs")).map(str::to_owned).collect()
        } else {
            tree.text(word).iter().map(|_| word.to_owned()).collect()
        };
        if found.is_empty() {
            return Err(format!("{document} describes {word}, which is not there"));
        }
        files.extend(found);
    }
    if files.is_empty() {
        return Err(format!("{document} must name its code: `<!-- describes: path path/ -->`"));
    }
    Ok(files)
}

/// The lines that can change a format.
fn essence(source: &str) -> String {
    let code = source.split("\n#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().map(str::trim);
    let lines = lines.filter(|line| !line.is_empty() && !line.starts_with("//"));
    lines.flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CODE: &str = "const DOMAIN: &str = \"mimei\";\n";

    /// The first document describes two files, each of the others one.
    fn tree_with(code: &str, lock: &str) -> Tree {
        let mut files = vec![("a.rs", code), ("wire/frame.rs", "struct Frame;"), (LOCK, lock)];
        let (first, others) = DOCUMENTS.split_first().unwrap();
        files.push((first, "# Format\n<!-- describes: a.rs\n  wire/ -->\n"));
        files.extend(others.iter().map(|document| (*document, "<!-- describes: wire/frame.rs -->\n")));
        Tree::of(&files)
    }

    fn blessed() -> String {
        lock_text(&tree_with(CODE, "")).unwrap()
    }

    #[test]
    fn blessed_code_passes_until_it_changes() {
        assert!(check(&tree_with(CODE, &blessed())).is_empty());
        let found = check(&tree_with("const DOMAIN: &str = \"other\";\n", &blessed()));
        assert_eq!(found.len(), 1);
        let expected = format!("a.rs changed: see that {}", DOCUMENTS[0]);
        assert!(found[0].starts_with(&expected), "{}", found[0]);
    }

    #[test]
    fn comments_blank_lines_and_tests_do_not_count() {
        let code = format!("// Why.\n\n{CODE}\n#[cfg(test)]\nmod tests {{}}\n");
        assert!(check(&tree_with(&code, &blessed())).is_empty());
    }

    #[test]
    fn without_a_lock_everything_is_unread() {
        assert_eq!(check(&tree_with(CODE, "")).len(), DOCUMENTS.len() + 1);
    }

    #[test]
    fn a_document_that_stops_describing_a_file_is_noticed() {
        let lock = format!("{}{} old.rs 0123456789abcdef\n", blessed(), DOCUMENTS[0]);
        assert_eq!(check(&tree_with(CODE, &lock)).len(), 1);
    }

    #[test]
    fn a_document_must_exist_and_name_files_that_exist() {
        let missing = |tree: &[(&str, &str)]| check(&Tree::of(tree)).join("\n");
        let first = DOCUMENTS[0];
        assert!(missing(&[]).contains(&format!("{first} is missing")));
        assert!(missing(&[(first, "text")]).contains("must name its code"));
        let wrong = missing(&[(first, "<!-- describes: gone.rs -->")]);
        assert!(wrong.contains("gone.rs, which is not there"), "{wrong}");
    }
}
