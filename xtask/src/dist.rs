//! The relay for other machines: one archive for each in `target/dist`, with everything in it that a machine needs
//! that has neither Rust nor Node.

mod archive;
mod board;
mod check;

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OrFail};
use crate::profile::Profile;
use crate::toolchain;
use crate::workspace::Workspace;
use crate::{relay, setup, site};
use board::Board;

/// What a relay should weigh: it comes over slow lines onto small cards.
const BINARY_BYTES_AIM: u64 = 10_000_000;

/// Builds the relay for each of the targets, or for all of them, and packs it; with `check` also tries it out.
pub(crate) fn run(workspace: &Workspace, wanted: &[String], check: bool) -> Result<(), Failure> {
    let boards = board::chosen(wanted)?;
    for board in &boards {
        board::get_programs(board, check)?;
    }
    setup::build_tools(workspace)?;
    site::build(workspace, Profile::Release)?;
    let folder = workspace.target().join("dist");
    let mut printed = Vec::new();
    for board in boards {
        let program = build(workspace, board)?;
        if check {
            check::run(workspace, board, &program)?;
        }
        let archive = archive::pack(workspace, board.name, &program, &folder)?;
        printed.push(format!(
            "{:<32} {}, packed {} bytes: {}",
            board.name,
            weight(size(&program)?),
            size(&archive)?,
            shown(&archive)
        ));
    }
    archive::write_sums(&folder)?;
    println!("{}", printed.join("\n"));
    Ok(())
}

/// Builds the relay as it is shipped, and returns where it is.
fn build(workspace: &Workspace, board: &'static Board) -> Result<PathBuf, Failure> {
    if board.is_host() {
        return relay::build(workspace, Profile::Dist);
    }
    let toolchain = toolchain::choose(&board.target)?;
    board
        .with_compiler(toolchain.cargo(workspace, "build"))
        .args(["-p", "relay-node", "--bin", "mimei", "--profile", Profile::Dist.name()])
        .advice("Read the compiler's message above.")
        .run()?;
    Ok(toolchain.target_folder(workspace).join(board.name).join(Profile::Dist.folder()).join("mimei"))
}

fn size(path: &Path) -> Result<u64, Failure> {
    Ok(fs::metadata(path).or_fail(|| format!("read {}", path.display()))?.len())
}

fn shown(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn weight(bytes: u64) -> String {
    match bytes.checked_sub(BINARY_BYTES_AIM) {
        None | Some(0) => format!("{bytes} bytes"),
        Some(over) => format!("{bytes} bytes, {over} over the aim of {BINARY_BYTES_AIM}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_over_the_aim_is_said() {
        assert_eq!(weight(BINARY_BYTES_AIM), "10000000 bytes");
        assert_eq!(weight(BINARY_BYTES_AIM + 1), "10000001 bytes, 1 over the aim of 10000000");
    }
}
