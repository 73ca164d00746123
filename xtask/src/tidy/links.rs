//! Relative links in Markdown lead somewhere.

use super::tree::Tree;

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let documents = tree.texts().filter(|(path, _)| path.ends_with(".md"));
    documents.flat_map(|(path, text)| in_document(tree, path, text)).collect()
}

fn in_document(tree: &Tree, path: &str, text: &str) -> Vec<String> {
    let targets = outside_of_code(text).flat_map(targets);
    targets
        .filter(|target| !leads_somewhere(tree, path, target))
        .map(|target| format!("{path}: `{target}` is not there"))
        .collect()
}

fn outside_of_code(text: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    text.lines().filter(move |line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fenced && !fence
    })
}

/// What stands in `](…)`, without a title, outside of inline code.
fn targets(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // Every second piece between backticks is code.
    let prose = line.split('`').step_by(2).flat_map(|piece| piece.split("](").skip(1));
    // A label may itself be code: `[`a`](b)` leaves a piece that starts with `](`.
    for rest in prose {
        if let Some(inside) = rest.split(')').next() {
            found.extend(inside.split_whitespace().next());
        }
    }
    found
}

fn leads_somewhere(tree: &Tree, document: &str, target: &str) -> bool {
    let file = target.trim_matches(['<', '>']).split('#').next().unwrap_or_default();
    let elsewhere = target.contains("://") || target.starts_with("mailto:");
    elsewhere || resolve(document, file).is_some_and(|path| tree.has(&path))
}

/// `None` if it leaves the repository.
fn resolve(document: &str, target: &str) -> Option<String> {
    if target.is_empty() {
        return Some(document.to_owned());
    }
    let mut parts: Vec<&str> = document.split('/').collect();
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_text(text: &str) -> Vec<String> {
        check(&Tree::of(&[("docs/a.md", text), ("docs/b.md", ""), ("README.md", "")]))
    }

    #[test]
    fn links_to_files_folders_and_headings_resolve() {
        let text = "[b](b.md) [`r`](../README.md#top \"title\") [d](../docs/) [h](#here) [w](https://x.y/z)";
        assert_eq!(check_text(text), Vec::<String>::new());
    }

    #[test]
    fn a_link_to_nothing_is_named() {
        assert_eq!(check_text("see [c](c.md)\n"), ["docs/a.md: `c.md` is not there"]);
        assert_eq!(check_text("see [`c`](c.md)\n").len(), 1);
        assert_eq!(check_text("[x](../../outside.md)").len(), 1);
    }

    #[test]
    fn code_is_not_read_as_a_link() {
        assert!(check_text("`[c](c.md)`\n```\n[c](c.md)\n```\n").is_empty());
    }
}
