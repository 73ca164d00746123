//! Every crate begins with what it is for.

use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let roots = tree.paths().filter_map(|path| path.strip_suffix("/Cargo.toml"));
    roots.flat_map(|folder| in_crate(tree, folder)).collect()
}

fn in_crate(tree: &Tree, folder: &str) -> Vec<String> {
    let roots = ["lib.rs", "main.rs"].map(|name| format!("{folder}/src/{name}"));
    roots
        .into_iter()
        .filter(|path| tree.text(path).is_some_and(|text| !is_documented(text)))
        .map(|path| format!("{path} must open with `//!`: what it is, why, and a map of its modules"))
        .collect()
}

fn is_documented(text: &str) -> bool {
    text.lines().any(|line| line.starts_with("//!") || line.starts_with("#![doc"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crate_without_a_document_is_named() {
        let bare = "/// Adds.\nfn add() {}\nmod a {\n    //! Inner.\n}\n";
        let tree = Tree::of(&[("a/Cargo.toml", ""), ("a/src/lib.rs", bare), ("b/src/lib.rs", bare)]);
        let found = check(&tree);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("a/src/lib.rs "));
    }

    #[test]
    fn both_ways_to_document_a_crate_count() {
        for text in ["//! A.\n", "#![no_std]\n#![doc = include_str!(\"../README.md\")]\n"] {
            assert!(check(&Tree::of(&[("a/Cargo.toml", ""), ("a/src/main.rs", text)])).is_empty());
        }
    }
}
