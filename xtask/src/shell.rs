//! Running other programs: every one is printed before it starts.

use std::env;
use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::failure::{Failure, OrFail};

/// Folders that hold system programs but are often not in `PATH` of a plain user.
const SYSTEM_FOLDERS: [&str; 2] = ["/usr/sbin", "/sbin"];

/// One line about what a chore is doing.
pub(crate) fn say(line: impl AsRef<str>) {
    println!("-- {}", line.as_ref());
}

/// The cargo that runs us, so that all chores use one toolchain.
pub(crate) fn cargo() -> Run {
    Run::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Whether a variable is set to something other than nothing, `0` or `false`.
pub(crate) fn flag(name: &str) -> bool {
    env::var(name).is_ok_and(|value| !matches!(value.as_str(), "" | "0" | "false"))
}

/// The full path of a program in `PATH` or a system folder.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .chain(SYSTEM_FOLDERS.iter().map(PathBuf::from))
        .map(|folder| folder.join(format!("{name}{}", env::consts::EXE_SUFFIX)))
        .find(|candidate| candidate.is_file())
}

/// A program to run, with the words to print for it.
pub(crate) struct Run {
    command: Command,
    shown: String,
    advice: Option<String>,
}

impl Run {
    /// Prepares to run `program` where xtask was started.
    pub(crate) fn new(program: impl AsRef<OsStr>) -> Self {
        let program = program.as_ref();
        Self { command: Command::new(program), shown: show_program(program), advice: None }
    }

    /// Adds one argument.
    pub(crate) fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.shown.push(' ');
        self.shown.push_str(&quote(&arg.as_ref().to_string_lossy()));
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub(crate) fn args<A: AsRef<OsStr>>(self, args: impl IntoIterator<Item = A>) -> Self {
        args.into_iter().fold(self, Self::arg)
    }

    /// Sets a variable, and shows it.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Self {
        let value = value.as_ref();
        self.shown = format!("{name}={} {}", quote(&value.to_string_lossy()), self.shown);
        self.command.env(name, value);
        self
    }

    /// Hides variables from the program.
    pub(crate) fn without(mut self, names: &[&str]) -> Self {
        for name in names {
            self.command.env_remove(name);
        }
        self
    }

    /// Runs it in `folder`.
    pub(crate) fn within(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder);
        self
    }

    /// What to tell the person if it fails.
    pub(crate) fn advice(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// Prints it, runs it with our own input and output, and fails if it does.
    pub(crate) fn run(mut self) -> Result<(), Failure> {
        println!("$ {}", self.shown);
        let status = self.command.status().or_fail(|| format!("start `{}`", self.shown))?;
        if status.success() {
            return Ok(());
        }
        let advice = self.advice.map_or_else(String::new, |advice| format!(" {advice}"));
        Err(Failure::new(format!("`{}` failed ({status}).{advice}", self.shown)))
    }

    /// What it prints. Quiet, as it only asks for a fact.
    pub(crate) fn output(mut self) -> Result<String, Failure> {
        let output = self.command.stdin(Stdio::null()).output().or_fail(|| format!("start `{}`", self.shown))?;
        if output.status.success() {
            return String::from_utf8(output.stdout).or_fail(|| format!("read what `{}` printed", self.shown));
        }
        let errors = String::from_utf8_lossy(&output.stderr);
        Err(Failure::new(format!("`{}` failed: {}", self.shown, errors.trim())))
    }
}

fn show_program(program: &OsStr) -> String {
    let name = Path::new(program).file_stem().map(OsString::from).unwrap_or_default();
    let absolute_elsewhere = program.to_string_lossy().starts_with("/usr/");
    if absolute_elsewhere { program.to_string_lossy().into() } else { name.to_string_lossy().into() }
}

fn quote(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,@+%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_command_can_be_pasted_into_a_shell() {
        let run = Run::new("cargo").args(["run", "a b", "", "it's"]).env("CI", "yes please");
        assert_eq!(run.shown, r"CI='yes please' cargo run 'a b' '' 'it'\''s'");
    }

    #[test]
    fn the_advice_follows_the_failure() {
        let failed = Run::new("cargo").arg("no-such-command").advice("Do this instead.").run();
        let text = failed.expect_err("cargo has no such command").to_string();
        assert!(text.starts_with("`cargo no-such-command` failed"), "{text}");
        assert!(text.ends_with("Do this instead."), "{text}");
    }

    #[test]
    fn a_program_that_does_not_exist_is_named() {
        let failed = Run::new("mimei-no-such-program").output();
        assert!(failed.expect_err("it is not there").to_string().contains("mimei-no-such-program"));
        assert_eq!(find_program("mimei-no-such-program"), None);
    }
}
