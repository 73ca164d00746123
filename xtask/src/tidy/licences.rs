//! Every crate that we ship may be shipped: its licence can be met by those that deny.toml allows.
//! cargo-deny checks the same and more, where it is installed.

mod spdx;

use serde_json::Value;
use toml::Table;

use super::tree::Tree;
use crate::failure::{Failure, OrFail};
use crate::workspace::Workspace;

const POLICY: &str = "deny.toml";

/// Where the relay and the client run. Asking for less than all targets spares the download of
/// other systems' import libraries.
const TARGETS: [&str; 4] = [
    "x86_64-unknown-linux-gnu",
    "aarch64-unknown-linux-gnu",
    "armv7-unknown-linux-gnueabihf",
    "wasm32-unknown-unknown",
];

pub(super) fn check(workspace: &Workspace, tree: &Tree) -> Result<Vec<String>, Failure> {
    let Some(policy) = tree.text(POLICY) else {
        return Ok(vec![format!("{POLICY} is missing: it lists the licences that are allowed")]);
    };
    let policy = Policy::parse(policy)?;
    let asked = workspace
        .cargo()
        .args(["metadata", "--format-version", "1"])
        .args(TARGETS.map(|target| format!("--filter-platform={target}")))
        .output()?;
    let facts: Value = serde_json::from_str(&asked).or_fail(|| "read `cargo metadata`".to_owned())?;
    let packages = facts["packages"].as_array().cloned().unwrap_or_default();
    Ok(packages.iter().filter_map(|package| policy.complaint(package)).collect())
}

/// The part of deny.toml that is about licences.
struct Policy {
    allowed: Vec<String>,
    /// Licences allowed for one crate only.
    exceptions: Vec<(String, Vec<String>)>,
}

impl Policy {
    fn parse(text: &str) -> Result<Self, Failure> {
        let table: Table = text.parse().or_fail(|| format!("read {POLICY}"))?;
        let licences = table.get("licenses").and_then(toml::Value::as_table);
        let licences = licences.ok_or_else(|| Failure::new(format!("{POLICY} has no [licenses] with `allow`.")))?;
        let exceptions = licences.get("exceptions").and_then(toml::Value::as_array);
        let exceptions = exceptions.into_iter().flatten().filter_map(toml::Value::as_table);
        Ok(Self { allowed: allowed(licences), exceptions: exceptions.filter_map(exception).collect() })
    }

    fn complaint(&self, package: &Value) -> Option<String> {
        let name = package["name"].as_str()?;
        let Some(licence) = package["license"].as_str() else {
            return Some(format!("{name} names no licence"));
        };
        let own = self.exceptions.iter().filter(|(crate_name, _)| crate_name == name);
        let own: Vec<&String> = own.flat_map(|(_, licences)| licences).collect();
        let allows = |id: &str| self.allowed.iter().chain(own.iter().copied()).any(|allowed| allowed == id);
        match spdx::is_met(licence, &allows) {
            Some(true) => None,
            Some(false) => Some(format!("{name} is under `{licence}`, which {POLICY} does not allow")),
            None => Some(format!("{name}: `{licence}` is no licence expression")),
        }
    }
}

fn allowed(table: &Table) -> Vec<String> {
    let list = table.get("allow").and_then(toml::Value::as_array);
    list.into_iter().flatten().filter_map(toml::Value::as_str).map(str::to_owned).collect()
}

fn exception(table: &Table) -> Option<(String, Vec<String>)> {
    let name = table.get("crate").or_else(|| table.get("name"))?.as_str()?;
    Some((name.to_owned(), allowed(table)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const TEXT: &str = r#"
        [licenses]
        allow = ["MIT", "Apache-2.0"]
        exceptions = [{ crate = "roots", allow = ["CDLA-Permissive-2.0"] }]
    "#;

    fn complaint(name: &str, licence: &str) -> Option<String> {
        let package = json!({ "name": name, "license": licence });
        Policy::parse(TEXT).unwrap().complaint(&package)
    }

    #[test]
    fn a_licence_off_the_list_is_named() {
        assert_eq!(complaint("a", "MIT OR GPL-3.0-only"), None);
        assert!(complaint("a", "GPL-3.0-only").unwrap().contains("GPL-3.0-only"));
        assert!(complaint("a", "MIT OR").unwrap().contains("no licence expression"));
    }

    #[test]
    fn an_exception_is_for_one_crate_only() {
        assert_eq!(complaint("roots", "CDLA-Permissive-2.0"), None);
        assert!(complaint("other", "CDLA-Permissive-2.0").is_some());
    }

    #[test]
    fn a_crate_without_a_licence_and_a_policy_without_a_list_are_refused() {
        let policy = Policy::parse(TEXT).unwrap();
        assert!(policy.complaint(&json!({ "name": "a", "license": null })).is_some());
        assert!(Policy::parse("[bans]").is_err());
    }
}
