//! Files on this machine that are written whole or not at all.
//!
//! Attack stopped: names from others that lead elsewhere or replace something. Each is checked,
//! stands in the one directory that the person chose, and replaces nothing unasked.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::names::{self, NameError, printable};
use crate::keys::fresh_seed;

/// Where one file goes.
#[derive(Debug)]
pub(super) struct Target {
    path: PathBuf,
}

/// A file that is being written beside its place.
pub(super) struct Output {
    path: PathBuf,
    unfinished: PathBuf,
    file: File,
    is_forced: bool,
}

/// Why a file is not written.
#[derive(Debug)]
pub(super) enum TargetError {
    Name(NameError),
    Exists(PathBuf),
    /// A directory stands where a file is to go.
    Directory(PathBuf),
    /// Several files need a directory.
    NotADirectory(PathBuf, usize),
    Io(PathBuf, io::Error),
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |path: &Path| printable(&path.to_string_lossy());
        match self {
            Self::Name(error) => error.fmt(f),
            Self::Exists(path) => write!(f, "{} is there already; replace it with --force", shown(path)),
            Self::Directory(path) => write!(f, "{} is a directory; name a file with -o", shown(path)),
            Self::NotADirectory(path, files) => {
                write!(f, "there are {files} files and {} is no directory; name one with -o", shown(path))
            }
            Self::Io(path, error) => write!(f, "cannot write {}: {error}", shown(path)),
        }
    }
}

impl std::error::Error for TargetError {}

impl Target {
    /// Where files called so go if a person asks for `out`; `own` is what all of them are called.
    pub(super) fn plan(
        out: Option<&Path>,
        own: &str,
        listed: &[&str],
        is_forced: bool,
    ) -> Result<Vec<Self>, TargetError> {
        let named = |directory: &Path, name: &str| {
            let name = names::checked(name).map_err(TargetError::Name)?;
            Ok(Self { path: directory.join(name) })
        };
        let targets: Vec<Self> = match (listed, out) {
            ([name], None) => vec![named(Path::new(""), name)?],
            ([name], Some(out)) if out.is_dir() => vec![named(out, name)?],
            // The person's own name needs no check.
            ([_], Some(out)) => vec![Self { path: out.to_owned() }],
            (many, out) => {
                let directory = out.unwrap_or(Path::new(own));
                if directory.exists() && !directory.is_dir() {
                    return Err(TargetError::NotADirectory(directory.to_owned(), many.len()));
                }
                let targets = many.iter().map(|name| named(directory, name)).collect::<Result<_, _>>()?;
                fs::create_dir_all(directory).map_err(|error| TargetError::Io(directory.to_owned(), error))?;
                targets
            }
        };
        targets.iter().try_for_each(|target| vacant(&target.path, is_forced))?;
        Ok(targets)
    }

    pub(super) fn into_path(self) -> PathBuf {
        self.path
    }

    /// Begins to write.
    pub(super) fn create(&self, is_forced: bool) -> Result<Output, TargetError> {
        let tail: String = fresh_seed()[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let unfinished = self.path.with_file_name(format!(".mimei-{tail}.part"));
        let file = OpenOptions::new().write(true).create_new(true).open(&unfinished);
        let file = file.map_err(|error| TargetError::Io(self.path.clone(), error))?;
        Ok(Output { path: self.path.clone(), unfinished, file, is_forced })
    }
}

/// Whether something may be written there. A link counts as what it is, not as where it leads.
fn vacant(path: &Path, is_forced: bool) -> Result<(), TargetError> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(TargetError::Io(path.to_owned(), error)),
        Ok(there) if there.is_dir() => Err(TargetError::Directory(path.to_owned())),
        Ok(_) if is_forced => Ok(()),
        Ok(_) => Err(TargetError::Exists(path.to_owned())),
    }
}

impl Output {
    /// What a person calls it.
    pub(super) fn name(&self) -> String {
        self.path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
    }

    pub(super) fn write(&mut self, bytes: &[u8]) -> Result<(), TargetError> {
        self.file.write_all(bytes).map_err(|error| TargetError::Io(self.path.clone(), error))
    }

    /// Puts it in its place.
    pub(super) fn finish(self) -> Result<(), TargetError> {
        // Somebody may have written there meanwhile.
        vacant(&self.path, self.is_forced)?;
        let placed = self.file.sync_all().and_then(|()| fs::rename(&self.unfinished, &self.path));
        placed.map_err(|error| TargetError::Io(self.path.clone(), error))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // After it was put in its place there is nothing to remove.
        let _ = fs::remove_file(&self.unfinished);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(out: &Path, listed: &[&str]) -> Result<Vec<PathBuf>, TargetError> {
        Ok(Target::plan(Some(out), "own", listed, false)?.into_iter().map(|target| target.path).collect())
    }

    fn names(directory: &Path) -> Vec<String> {
        let entries = fs::read_dir(directory).unwrap();
        let mut names: Vec<_> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    #[test]
    fn one_file_goes_where_it_is_told_and_several_into_a_directory() {
        let directory = tempfile::tempdir().unwrap();
        let (root, new) = (directory.path(), directory.path().join("new"));
        assert_eq!(paths(&new, &["a"]).unwrap(), std::slice::from_ref(&new));
        assert_eq!(paths(root, &["a"]).unwrap(), [root.join("a")]);
        assert_eq!(paths(&new, &["a", "b"]).unwrap(), [new.join("a"), new.join("b")]);
        assert!(new.is_dir());
    }

    #[test]
    fn a_name_that_leads_elsewhere_is_refused_before_anything_is_written() {
        let directory = tempfile::tempdir().unwrap();
        let out = directory.path().join("out");
        for bad in ["..", ".bashrc", "a/b", "a\nb"] {
            assert!(matches!(paths(&out, &["good", bad]), Err(TargetError::Name(_))), "{bad:?}");
        }
        assert!(!out.exists());
        assert!(paths(&out, &[".bashrc"]).is_ok(), "under a name of one's own");
        assert!(matches!(paths(directory.path(), &[".bashrc"]), Err(TargetError::Name(_))));
    }

    #[test]
    fn nothing_is_replaced_unasked() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("a");
        let target = Target { path: path.clone() };
        let mut output = target.create(false).unwrap();
        output.write(b"new").unwrap();
        fs::write(&path, "old").unwrap();
        assert!(matches!(output.finish(), Err(TargetError::Exists(_))), "although it came later");
        assert!(matches!(paths(directory.path(), &["a"]), Err(TargetError::Exists(_))));
        assert_eq!(fs::read(&path).unwrap(), b"old");
        let mut output = target.create(true).unwrap();
        output.write(b"new").unwrap();
        output.finish().unwrap();
        assert_eq!((fs::read(&path).unwrap(), names(directory.path())), (b"new".to_vec(), vec!["a".to_owned()]));
    }

    #[test]
    fn a_link_that_leads_nowhere_is_there_too() {
        let directory = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("/nowhere", directory.path().join("a")).unwrap();
        assert!(matches!(paths(directory.path(), &["a"]), Err(TargetError::Exists(_))));
    }

    #[test]
    fn what_is_given_up_leaves_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let mut output = Target { path: directory.path().join("a") }.create(false).unwrap();
        output.write(b"half").unwrap();
        assert_eq!(names(directory.path()).len(), 1);
        drop(output);
        assert!(names(directory.path()).is_empty());
    }
}
