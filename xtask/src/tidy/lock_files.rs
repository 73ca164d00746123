//! Lock files and settings work on every machine: they name no package registry but the public
//! ones that cargo and npm use by themselves.

use super::tree::Tree;

/// How Cargo.lock writes crates.io.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// How cargo and npm are told of another registry.
const SETTINGS: [&str; 5] = ["registry", "replace-with", "[source.", "[registries", "_auth"];

pub(super) fn check(tree: &Tree) -> Vec<String> {
    tree.texts().flat_map(|(path, text)| in_file(path, text)).collect()
}

fn in_file(path: &str, text: &str) -> Vec<String> {
    let name = path.rsplit('/').next().unwrap_or_default();
    let wrong: fn(&str) -> bool = match name {
        "Cargo.lock" => names_other_crates,
        "package-lock.json" => names_a_host,
        ".npmrc" => sets_a_registry,
        "config.toml" if path.contains(".cargo/") => sets_a_registry,
        _ => return Vec::new(),
    };
    let numbered = text.lines().enumerate().filter(|(_, line)| wrong(line.trim()));
    numbered.map(|(index, _)| format!("{path}:{}: names a package registry; leave it out", index + 1)).collect()
}

fn names_other_crates(line: &str) -> bool {
    line.strip_prefix("source = ").is_some_and(|source| source.trim_matches('"') != CRATES_IO)
}

/// `.npmrc` tells npm to leave these out.
fn names_a_host(line: &str) -> bool {
    line.strip_prefix("\"resolved\": \"").is_some_and(|from| from.contains("://"))
}

fn sets_a_registry(line: &str) -> bool {
    let name = line.split('=').next().unwrap_or_default().trim();
    let names = |setting: &str| {
        name.starts_with(setting) || name.ends_with(&format!(":{setting}")) || name.ends_with(":_authToken")
    };
    !line.starts_with('#') && SETTINGS.iter().any(|setting| names(setting))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_of_ones_own_is_refused_wherever_it_is_named() {
        for (path, line) in [
            ("Cargo.lock", "source = \"registry+https://crates.example/index\""),
            ("package-lock.json", "  \"resolved\": \"https://npm.example/a.tgz\","),
            (".npmrc", "registry=https://npm.example/"),
            (".npmrc", "@mimei:registry=https://npm.example/"),
            ("a/.cargo/config.toml", "replace-with = \"mirror\""),
            (".cargo/config.toml", "[source.crates-io]"),
        ] {
            assert_eq!(check(&Tree::of(&[(path, line)])).len(), 1, "{path}: {line}");
        }
    }

    #[test]
    fn what_cargo_and_npm_write_by_themselves_is_fine() {
        let cargo = format!("source = \"{CRATES_IO}\"");
        for (path, line) in [
            ("Cargo.lock", cargo.as_str()),
            ("package-lock.json", "\"resolved\": \"js-sdk\","),
            (".npmrc", "omit-lockfile-registry-resolved=true"),
            (".cargo/config.toml", "xtask = \"run\""),
        ] {
            assert!(check(&Tree::of(&[(path, line)])).is_empty(), "{path}: {line}");
        }
    }
}
