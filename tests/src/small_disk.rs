//! A disk that is soon full: a file system in memory, of a given size.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Names the file to which tests append what they skipped (xtask reads it).
const SKIPS: &str = "MIMEI_SKIPS";

/// A mounted file system; unmounted when dropped.
pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts one at `directory`, which is made. Where that is not possible, says that `test` is skipped, and why.
    ///
    /// # Panics
    /// If the directory cannot be made.
    pub fn mount(directory: &Path, mebibytes: u32, test: &str) -> Option<Self> {
        fs::create_dir_all(directory).expect("a directory to mount at");
        let size = format!("size={mebibytes}m");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "mimei-test"]).arg(directory).output();
        let why = match mount {
            Ok(output) if output.status.success() => return Some(Self(directory.to_owned())),
            Ok(output) => String::from_utf8_lossy(&output.stderr).trim().replace('\n', " "),
            Err(error) => error.to_string(),
        };
        skip(test, &format!("a small disk cannot be mounted, which needs root on Linux: {why}"));
        None
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Writes a file of zeros, of as many bytes as there is room for.
    ///
    /// # Panics
    /// If not even its name can be written.
    pub fn ballast(&self, name: &str, bytes_max: usize) -> PathBuf {
        const PART: [u8; 4096] = [0; 4096];
        let path = self.0.join(name);
        let mut file = fs::File::create(&path).expect("a new file");
        let parts = bytes_max / PART.len();
        let _ = (0..parts).try_for_each(|_| file.write_all(&PART));
        path
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: a program that was killed may not be gone yet.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn skip(test: &str, why: &str) {
    eprintln!("SKIPPED {test}: {why}");
    let Some(file) = std::env::var_os(SKIPS) else { return };
    let file = fs::OpenOptions::new().create(true).append(true).open(file);
    let _ = file.and_then(|mut file| writeln!(file, "{test}: {why}"));
}
