//! Files stay short enough to be read in one sitting.

use super::tree::Tree;

/// Aim at 400; this is where it stops.
const LINES_MAX: usize = 500;

/// Source files, generated ones are not committed.
const ENDINGS: [&str; 6] = [".rs", ".ts", ".tsx", ".mts", ".mjs", ".js"];

/// Files that may be longer, with the reason. A flat table may; a hub may not.
const ALLOWED: [(&str, &str); 0] = [];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    check_with(tree, &ALLOWED)
}

fn check_with(tree: &Tree, allowed: &[(&str, &str)]) -> Vec<String> {
    let is_allowed = |path: &str| allowed.iter().any(|(name, _)| *name == path);
    let too_long = |path: &str| tree.text(path).is_some_and(|text| text.lines().count() > LINES_MAX);
    let source = |path: &&str| ENDINGS.iter().any(|ending| path.ends_with(ending));
    let long = tree.paths().filter(source).filter(|path| too_long(path) && !is_allowed(path));
    let needless = allowed.iter().filter(|(path, _)| !too_long(path));
    long.map(|path| format!("{path} is longer than {LINES_MAX} lines: split it by what it does"))
        .chain(needless.map(|(path, _)| format!("{path} needs no exception any more")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_file_over_the_limit_is_named() {
        let (fits, long) = ("x\n".repeat(LINES_MAX), "x\n".repeat(LINES_MAX + 1));
        let tree = Tree::of(&[("a.rs", &fits), ("b.ts", &long), ("c.md", &long)]);
        let found = check_with(&tree, &[]);
        assert_eq!(found.len(), 1);
        assert!(found[0].starts_with("b.ts "));
    }

    #[test]
    fn an_exception_holds_only_while_it_is_needed() {
        let long = "x\n".repeat(LINES_MAX + 1);
        let allowed = [("table.rs", "one row for each command")];
        assert!(check_with(&Tree::of(&[("table.rs", &long)]), &allowed).is_empty());
        assert_eq!(check_with(&Tree::of(&[("table.rs", "x\n")]), &allowed).len(), 1);
    }
}
