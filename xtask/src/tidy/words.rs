//! Words that do not belong into committed files. Here they are put together from parts, so that
//! this file keeps its own rule.

use super::tree::Tree;

/// Marks of unfinished work, as whole words.
const UNFINISHED: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];

/// Paths that exist on one machine only.
const OUTSIDE: [&str; 2] = [concat!("../", "shared"), concat!("/wo", "rk/")];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.texts().flat_map(|(path, text)| in_file(path, text)).collect()
}

fn in_file(path: &str, text: &str) -> Vec<String> {
    let numbered = text.lines().enumerate().map(|(index, line)| (index + 1, line));
    numbered.filter_map(|(number, line)| Some(format!("{path}:{number}: {}", complaint(line)?))).collect()
}

fn complaint(line: &str) -> Option<String> {
    if let Some(word) = UNFINISHED.iter().find(|word| has_word(line, word)) {
        return Some(format!("`{word}`: do it, or write an entry in ROADMAP.md"));
    }
    let outside = OUTSIDE.iter().find(|part| line.contains(**part))?;
    Some(format!("`{outside}` is not part of the repository"))
}

fn has_word(line: &str, word: &str) -> bool {
    let letter = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, _)| {
        let (before, after) = (&line[..at], &line[at + word.len()..]);
        !letter(before.chars().next_back()) && !letter(after.chars().next())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_forbidden_word_is_found_with_its_line() {
        for word in UNFINISHED.iter().chain(&OUTSIDE) {
            let found = check(&Tree::of(&[("a.rs", &format!("fine\n// see {word}: x\n"))]));
            assert_eq!(found.len(), 1, "{word}");
            assert!(found[0].starts_with("a.rs:2: "), "{}", found[0]);
        }
    }

    #[test]
    fn a_word_inside_another_or_in_lower_case_is_fine() {
        let inside = format!("{}S and a list of todos, shared/ work/", UNFINISHED[0]);
        assert!(check(&Tree::of(&[("a.md", &inside)])).is_empty());
    }
}
