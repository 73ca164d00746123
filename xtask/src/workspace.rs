//! Where things are.

use std::env;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::failure::{Failure, OrFail};
use crate::profile::Profile;
use crate::shell::{Run, cargo};

/// The folders that chores read and write.
pub(crate) struct Workspace {
    root: PathBuf,
    target: PathBuf,
}

impl Workspace {
    /// Asks cargo, since the target directory can be set in several ways.
    pub(crate) fn find() -> Result<Self, Failure> {
        let own =
            env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let asked = cargo()
            .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
            .arg("--manifest-path")
            .arg(own.join("Cargo.toml"))
            .output()?;
        let facts: Value = serde_json::from_str(&asked).or_fail(|| "read `cargo metadata`".to_owned())?;
        let folder = |name: &str| {
            let path = facts[name].as_str().map(PathBuf::from);
            path.ok_or_else(|| Failure::new(format!("`cargo metadata` names no {name}")))
        };
        Ok(Self { root: folder("workspace_root")?, target: folder("target_directory")? })
    }

    /// The top of the repository.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Cargo's target directory.
    pub(crate) fn target(&self) -> &Path {
        &self.target
    }

    /// What xtask itself keeps: stamps and intermediate files.
    pub(crate) fn own(&self) -> PathBuf {
        self.target.join("xtask")
    }

    /// A program built with a profile.
    pub(crate) fn program(&self, name: &str, profile: Profile) -> PathBuf {
        self.target.join(profile.folder()).join(format!("{name}{}", env::consts::EXE_SUFFIX))
    }

    /// Cargo, at the top of the repository.
    pub(crate) fn cargo(&self) -> Run {
        cargo().within(&self.root)
    }

    /// npm, at the top of the repository.
    pub(crate) fn npm(&self) -> Run {
        // On Windows npm is a script, which only starts by its full name.
        Run::new(if cfg!(windows) { "npm.cmd" } else { "npm" }).within(&self.root)
    }

    #[cfg(test)]
    pub(crate) fn at(root: &Path) -> Self {
        Self { root: root.to_owned(), target: root.join("target") }
    }
}
