//! File names say what is inside.

use super::tree::Tree;

/// Names under which anything can be put.
const SAY_NOTHING: [&str; 8] = ["util", "utils", "helper", "helpers", "common", "misc", "manager", "mod"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.paths().filter_map(|path| Some(format!("{path}: {}", complaint(path)?))).collect()
}

fn complaint(path: &str) -> Option<String> {
    let stem = |part: &str| part.split('.').next().unwrap_or_default().to_lowercase();
    let empty = path.split('/').map(stem).find(|stem| SAY_NOTHING.contains(&stem.as_str()))?;
    Some(if empty == "mod" {
        "put it beside its folder as `name.rs`".to_owned()
    } else {
        format!("`{empty}` says nothing about what is inside; name it after that")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_that_say_nothing_are_refused_for_files_and_folders() {
        for path in ["a/util.rs", "a/Helpers.ts", "common/a.rs", "a/misc.test.mjs", "a/mod.rs"] {
            assert_eq!(check(&Tree::of(&[(path, "")])).len(), 1, "{path}");
        }
    }

    #[test]
    fn names_that_only_contain_such_a_word_are_fine() {
        for path in ["a/utility_bill.rs", "a/commons.md", "a/model.rs", "a/uncommon.ts"] {
            assert!(check(&Tree::of(&[(path, "")])).is_empty(), "{path}");
        }
    }
}
