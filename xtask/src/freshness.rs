//! Leaving out steps whose inputs did not change.
//!
//! A step is fresh only if the contents of all its inputs *and* of all its outputs are what they
//! were when it last ended well. Times are not looked at: they lie after `git checkout`, `cp -p`
//! and `rsync`, and hashing a few megabytes takes milliseconds.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OrFail};
use crate::shell::say;
use crate::workspace::Workspace;

/// Folders that are nobody's input: fetched, or made by other steps that are hashed by name.
const NEVER_INPUT: [&str; 3] = ["node_modules", "target", ".git"];

/// A hash over names and contents.
pub(crate) struct Contents(blake3::Hasher);

impl Contents {
    /// Nothing yet.
    pub(crate) fn new() -> Self {
        Self(blake3::Hasher::new())
    }

    /// Adds a word that changes the result, such as a flag or a program's version.
    pub(crate) fn word(mut self, word: &str) -> Self {
        self.add(b"word", word.as_bytes());
        self
    }

    /// Adds a file or a folder with all that is below it, except paths in `except`. What does
    /// not exist is noted as that.
    pub(crate) fn path(mut self, path: &Path, except: &[PathBuf]) -> Result<Self, Failure> {
        self.add_path(path, except).or_fail(|| format!("read {}", path.display()))?;
        Ok(self)
    }

    /// The hash in hex.
    pub(crate) fn finish(self) -> String {
        self.0.finalize().to_hex().to_string()
    }

    fn add(&mut self, kind: &[u8], bytes: &[u8]) {
        for part in [kind, bytes] {
            self.0.update(&(part.len() as u64).to_le_bytes());
            self.0.update(part);
        }
    }

    fn add_path(&mut self, path: &Path, except: &[PathBuf]) -> std::io::Result<()> {
        self.add(b"path", path.as_os_str().as_encoded_bytes());
        match fs::symlink_metadata(path) {
            Err(_) => self.add(b"none", b""),
            Ok(found) if found.is_symlink() => {
                self.add(b"link", fs::read_link(path)?.as_os_str().as_encoded_bytes());
            }
            Ok(found) if found.is_dir() => {
                for child in children(path, except)? {
                    self.add_path(&child, except)?;
                }
                self.add(b"end", b"");
            }
            Ok(_) => self.add(b"file", &fs::read(path)?),
        }
        Ok(())
    }
}

fn children(folder: &Path, except: &[PathBuf]) -> std::io::Result<Vec<PathBuf>> {
    let mut found: Vec<PathBuf> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    found.retain(|path| {
        let own = path.file_name().unwrap_or_default();
        !NEVER_INPUT.iter().any(|name| own == *name) && !except.contains(path)
    });
    found.sort();
    Ok(found)
}

/// Runs `make` unless `inputs` and what is at `outputs` are as they were after its last run.
pub(crate) fn unless_fresh(
    workspace: &Workspace,
    step: &str,
    inputs: &str,
    outputs: &[PathBuf],
    make: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let stamp = workspace.own().join("stamps").join(step);
    let wanted = stamp_text(inputs, outputs)?;
    if outputs.iter().all(|path| path.exists()) && fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        say(format!("{step}: nothing changed"));
        return Ok(());
    }
    make()?;
    // The inputs were hashed before the step ran: what was edited meanwhile makes it stale.
    write(&stamp, stamp_text(inputs, outputs)?.as_bytes())
}

fn stamp_text(inputs: &str, outputs: &[PathBuf]) -> Result<String, Failure> {
    let made = outputs.iter().try_fold(Contents::new(), |all, path| all.path(path, &[]))?;
    Ok(format!("inputs {inputs}\noutputs {}\n", made.finish()))
}

/// Writes a file and the folders above it.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder).and_then(|()| fs::write(path, bytes)).or_fail(|| format!("write {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    struct Step {
        folder: Scratch,
        runs: usize,
    }

    impl Step {
        fn new() -> Self {
            let folder = Scratch::new();
            write(&folder.path().join("in/a.ts"), b"one").unwrap();
            Self { folder, runs: 0 }
        }

        fn path(&self, name: &str) -> PathBuf {
            self.folder.path().join(name)
        }

        fn run(&mut self) -> usize {
            let workspace = Workspace::at(self.folder.path());
            let except = [self.path("in/dist")];
            let inputs = Contents::new().path(&self.path("in"), &except).unwrap().finish();
            let out = self.path("in/dist");
            let mut ran = 0;
            unless_fresh(&workspace, "step", &inputs, std::slice::from_ref(&out), || {
                ran += 1;
                write(&out.join("made.js"), b"made")
            })
            .unwrap();
            self.runs += ran;
            self.runs
        }
    }

    #[test]
    fn a_step_runs_once_while_nothing_changes() {
        let mut step = Step::new();
        assert_eq!((step.run(), step.run(), step.run()), (1, 1, 1));
    }

    #[test]
    fn a_changed_added_or_deleted_input_runs_it_again() {
        let mut step = Step::new();
        step.run();
        write(&step.path("in/a.ts"), b"two").unwrap();
        assert_eq!(step.run(), 2);
        write(&step.path("in/b.ts"), b"").unwrap();
        assert_eq!(step.run(), 3);
        fs::remove_file(step.path("in/b.ts")).unwrap();
        assert_eq!(step.run(), 4);
    }

    #[test]
    fn an_input_of_the_same_length_and_time_is_seen() {
        let mut step = Step::new();
        step.run();
        let file = step.path("in/a.ts");
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        write(&file, b"eno").unwrap();
        fs::File::options().write(true).open(&file).unwrap().set_modified(time).unwrap();
        assert_eq!(step.run(), 2);
    }

    #[test]
    fn a_lost_or_edited_output_is_made_again() {
        let mut step = Step::new();
        step.run();
        fs::remove_dir_all(step.path("in/dist")).unwrap();
        assert_eq!(step.run(), 2);
        write(&step.path("in/dist/made.js"), b"by hand").unwrap();
        assert_eq!(step.run(), 3);
    }

    #[test]
    fn a_step_that_failed_is_not_fresh() {
        let step = Step::new();
        let workspace = Workspace::at(step.folder.path());
        let failed = unless_fresh(&workspace, "bad", "", &[], || Err(Failure::new("no")));
        assert!(failed.is_err());
        let mut ran = false;
        unless_fresh(&workspace, "bad", "", &[], || {
            ran = true;
            Ok(())
        })
        .unwrap();
        assert!(ran);
    }

    #[test]
    fn moving_a_byte_from_a_name_to_its_content_changes_the_hash() {
        let hash = |a: &str, b: &str| Contents::new().word(a).word(b).finish();
        assert_ne!(hash("ab", "c"), hash("a", "bc"));
    }
}
