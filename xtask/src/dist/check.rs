//! Trying out a relay for another machine on this one: the core's tests, and a file through it, also after it was
//! killed. An emulator shows that a program is right there, and nothing about how fast it is.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use super::board::Board;
use crate::demo::mains::{Mains, Said};
use crate::failure::{Failure, OrFail};
use crate::freshness;
use crate::profile::Profile;
use crate::relay;
use crate::shell::{Run, say};
use crate::toolchain;
use crate::workspace::Workspace;

/// Several pieces of a file and a part of one.
const FILE_BYTES: usize = (3 << 20) + 17;

/// Fails with what does not work.
pub(super) fn run(workspace: &Workspace, board: &'static Board, program: &Path) -> Result<(), Failure> {
    say(format!("trying out the relay for {}", board.name));
    test_core(workspace, board)?;
    let client = relay::build(workspace, Profile::Dev)?;
    let folder = workspace.own().join("dist-check");
    if folder.exists() {
        fs::remove_dir_all(&folder).or_fail(|| format!("empty {}", folder.display()))?;
    }
    let mains = Mains::new(board.words(program), folder.join("relay"), 0, || {});
    let people = People { client, folder };
    let done = people.transfer(&mains);
    mains.stop();
    done?;
    say(format!("the relay for {}: a file came through, and was there after a kill", board.name));
    Ok(())
}

/// All tests of `mimei-core`, as programs of that machine.
fn test_core(workspace: &Workspace, board: &'static Board) -> Result<(), Failure> {
    let cargo = if board.is_host() {
        workspace.cargo().arg("test")
    } else {
        let runner: Vec<_> = board.runner().iter().map(|word| word.to_string_lossy().into_owned()).collect();
        let cargo = toolchain::choose(&board.target)?.cargo(workspace, "test");
        board.with_compiler(cargo).env(&board.target.variable("RUNNER"), runner.join(" "))
    };
    cargo.args(["-p", "mimei-core", "--lib", "--tests", "--quiet"]).run()
}

/// Whoever uses the relay, with this machine's own program.
struct People {
    client: PathBuf,
    folder: PathBuf,
}

impl People {
    fn transfer(&self, mains: &Mains) -> Result<(), Failure> {
        let said = mains.put_in()?;
        let invite = said.invite.clone().ok_or_else(|| Failure::new("the new relay printed no invite."))?;
        let file = self.folder.join("noise");
        let bytes = noise(FILE_BYTES);
        freshness::write(&file, &bytes)?;
        self.run("anna", &["join".into(), invite.into()])?;
        let add = ["add".into(), "--to".into(), address(&said)?.into(), file.into()];
        let link = self.run("anna", &add)?.trim().to_owned();
        self.compare("bert", &link, &bytes)?;
        mains.pull()?;
        mains.put_in()?;
        self.compare("carl", &link, &bytes)
    }

    /// Gets what `link` names as somebody who has nothing of it.
    fn compare(&self, who: &str, link: &str, bytes: &[u8]) -> Result<(), Failure> {
        let out = self.folder.join(format!("{who}.out"));
        self.run(who, &["get".into(), link.into(), "-o".into(), out.clone().into()])?;
        let came = fs::read(&out).or_fail(|| format!("read {}", out.display()))?;
        if came == bytes {
            return Ok(());
        }
        Err(Failure::new(format!("{} bytes were sent, and {} others came to {who}.", bytes.len(), came.len())))
    }

    fn run(&self, who: &str, args: &[OsString]) -> Result<String, Failure> {
        let home = self.folder.join(who);
        Run::new(&self.client).args(args).arg("--data").arg(home).output()
    }
}

fn address(said: &Said) -> Result<&str, Failure> {
    let address = said.lines.lines().find_map(|line| line.strip_prefix("address "));
    address.map(str::trim).ok_or_else(|| Failure::new("the relay printed no address."))
}

/// The same bytes each time, and no two pieces alike.
fn noise(length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    blake3::Hasher::new_derive_key("mimei dist check").finalize_xof().fill(&mut bytes);
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_what_a_relay_says() {
        let said = |lines: &str| Said { port: 1, invite: None, lines: lines.to_owned() };
        let lines = said("relay    abc\nopen     http://localhost:1\naddress  relay:abc@127.0.0.1:1\n");
        assert_eq!(address(&lines).unwrap(), "relay:abc@127.0.0.1:1");
        assert!(address(&said("open     http://localhost:1\n")).is_err());
    }
}
