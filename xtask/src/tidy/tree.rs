//! The files of the repository, read once.

use std::collections::BTreeMap;
use std::fs;

use crate::failure::{Failure, OrFail};
use crate::shell::Run;
use crate::workspace::Workspace;

/// Paths with `/`, relative to the root, and their text; `None` if it is not UTF-8.
pub(super) struct Tree(BTreeMap<String, Option<String>>);

impl Tree {
    /// What git tracks, and what it would track if asked.
    pub(super) fn load(workspace: &Workspace) -> Result<Self, Failure> {
        let listed = Run::new("git")
            .within(workspace.root())
            .args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            .output()?;
        let mut files = BTreeMap::new();
        for name in listed.split_terminator('\0') {
            let path = workspace.root().join(name);
            // A file may be tracked and deleted, and a link may point at a folder.
            if path.is_file() {
                let bytes = fs::read(&path).or_fail(|| format!("read {name}"))?;
                files.insert(name.to_owned(), String::from_utf8(bytes).ok());
            }
        }
        Ok(Self(files))
    }

    /// The number of files.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// All paths.
    pub(super) fn paths(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// All files that are text.
    pub(super) fn texts(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().filter_map(|(path, text)| Some((path.as_str(), text.as_deref()?)))
    }

    /// One file's text.
    pub(super) fn text(&self, path: &str) -> Option<&str> {
        self.0.get(path)?.as_deref()
    }

    /// Whether there is a file or a folder at `path`.
    pub(super) fn has(&self, path: &str) -> bool {
        let folder = format!("{path}/");
        path.is_empty() || self.0.contains_key(path) || self.below(&folder).next().is_some()
    }

    /// The paths that begin with `prefix`.
    pub(super) fn below<'a>(&'a self, prefix: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .range(prefix.to_owned()..)
            .map(|(path, _)| path.as_str())
            .take_while(move |path| path.starts_with(prefix))
    }

    #[cfg(test)]
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let entry = |(path, text): &(&str, &str)| ((*path).to_owned(), Some((*text).to_owned()));
        Self(files.iter().map(entry).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_there_if_a_file_is_below_it() {
        let tree = Tree::of(&[("docs/a.md", ""), ("docs2/b.md", "")]);
        assert!(tree.has("docs") && tree.has("docs/a.md") && tree.has(""));
        assert!(!tree.has("doc") && !tree.has("docs/b.md"));
        assert_eq!(tree.below("docs/").collect::<Vec<_>>(), ["docs/a.md"]);
    }
}
