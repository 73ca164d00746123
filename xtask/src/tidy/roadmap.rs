//! What the roadmap says works has a test, by name: `works (test_name, other_test)`.

use super::tree::Tree;

const ROADMAP: &str = "ROADMAP.md";

pub(super) fn check(tree: &Tree) -> Vec<String> {
    let Some(roadmap) = tree.text(ROADMAP) else {
        return vec![format!("{ROADMAP} is missing")];
    };
    let numbered = roadmap.lines().enumerate();
    numbered
        .flat_map(|(index, line)| {
            let at = move |text: String| format!("{ROADMAP}:{}: {text}", index + 1);
            in_line(tree, line).into_iter().map(at)
        })
        .collect()
}

fn in_line(tree: &Tree, line: &str) -> Vec<String> {
    claims(line).into_iter().flat_map(|claim| in_claim(tree, claim)).collect()
}

/// What follows each word `works`.
fn claims(line: &str) -> Vec<&str> {
    let letter = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
    line.match_indices("works")
        .filter(|(at, word)| {
            let after = line[at + word.len()..].chars().next();
            !letter(line[..*at].chars().next_back()) && !letter(after)
        })
        .map(|(at, word)| &line[at + word.len()..])
        .collect()
}

fn in_claim(tree: &Tree, claim: &str) -> Vec<String> {
    let listed = claim.trim_start_matches(['*', ' ']).strip_prefix('(');
    let Some(listed) = listed.and_then(|rest| rest.split(')').next()) else {
        return vec!["`works` must name its tests: `works (test_name)`".to_owned()];
    };
    let names = listed.split(',').map(|name| name.trim().trim_matches('`'));
    names.filter(|name| !is_a_test(tree, name)).map(|name| format!("no test is called `{name}`")).collect()
}

fn is_a_test(tree: &Tree, name: &str) -> bool {
    // `file::test` may say where it is.
    let name = name.rsplit("::").next().unwrap_or_default();
    !name.is_empty() && tree.texts().any(|(path, text)| defines(path, text, name))
}

fn defines(path: &str, text: &str, name: &str) -> bool {
    if path.ends_with(".rs") {
        return text.contains(&format!("fn {name}("));
    }
    let script = [".mjs", ".js", ".ts", ".mts"].iter().any(|ending| path.ends_with(ending));
    let quoted = |quote| text.contains(&format!("{quote}{name}{quote}"));
    script && path.contains("test") && ['"', '\'', '`'].into_iter().any(quoted)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check_roadmap(text: &str) -> Vec<String> {
        check(&Tree::of(&[
            ("ROADMAP.md", text),
            ("tests/src/save.rs", "#[test]\nfn a_version_is_saved() {}"),
            ("tests/browser/tab.test.mjs", "test('two tabs meet', () => {})"),
            ("js-sdk/src/list.ts", "const a = 'not a test'"),
        ]))
    }

    #[test]
    fn tests_are_found_in_rust_and_in_scripts() {
        let text = "| M1 | works (`save::a_version_is_saved`, two tabs meet) |\n| M2 | planned |\n";
        assert_eq!(check_roadmap(text), Vec::<String>::new());
        assert_eq!(check_roadmap("**works** (a_version_is_saved)"), Vec::<String>::new());
    }

    #[test]
    fn a_claim_without_a_test_is_named() {
        assert_eq!(check_roadmap("fine\nM1 works (no_such_test)"), ["ROADMAP.md:2: no test is called `no_such_test`"]);
        assert_eq!(check_roadmap("M1 works (not a test)").len(), 1);
        assert_eq!(check_roadmap("M1 works ()").len(), 1);
        assert_eq!(check_roadmap("M1 works.").len(), 1);
    }

    #[test]
    fn words_that_only_contain_it_are_no_claim() {
        assert!(check_roadmap("frameworks and a worksheet").is_empty());
    }

    #[test]
    fn a_repository_without_a_roadmap_fails() {
        assert_eq!(check(&Tree::of(&[])).len(), 1);
    }
}
