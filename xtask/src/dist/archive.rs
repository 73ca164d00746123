//! What is handed on: a program with its licences and with words on how to use it.

use std::fs;
use std::path::{Path, PathBuf};

use crate::failure::{Failure, OrFail};
use crate::freshness;
use crate::shell::{Run, find_program};
use crate::workspace::Workspace;

/// Of the whole workspace.
const VERSION: &str = env!("CARGO_PKG_VERSION");
/// Copied as they are.
const LICENCES: [&str; 2] = ["LICENSE-MIT", "LICENSE-APACHE"];
/// What of README.md is about a relay that is built already.
const SECTIONS: [&str; 3] = ["## A relay on a Raspberry Pi", "## Share files from a terminal", "## Licence"];
/// The hashes of all archives, as `sha256sum -c` reads them.
const SUMS: &str = "SHA256SUMS";

/// Packs `program` into `folder`, and returns the archive.
pub(super) fn pack(workspace: &Workspace, target: &str, program: &Path, folder: &Path) -> Result<PathBuf, Failure> {
    let name = format!("mimei-{VERSION}-{target}");
    let contents = folder.join(&name);
    if contents.exists() {
        fs::remove_dir_all(&contents).or_fail(|| format!("empty {}", contents.display()))?;
    }
    let readme = workspace.root().join("README.md");
    let text = fs::read_to_string(&readme).or_fail(|| format!("read {}", readme.display()))?;
    freshness::write(&contents.join("README.md"), excerpt(&text)?.as_bytes())?;
    for licence in LICENCES {
        copy(&workspace.root().join(licence), &contents.join(licence))?;
    }
    copy(program, &contents.join("mimei"))?;
    let archive = format!("{name}.tar.gz");
    // The same files make the same archive, whoever packs them and when.
    Run::new("tar")
        .within(folder)
        .args(["--sort=name", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0", "-czf", &archive, &name])
        .advice("It must be GNU tar.")
        .run()?;
    Ok(folder.join(archive))
}

/// Writes down the hashes of what lies in `folder`.
pub(super) fn write_sums(folder: &Path) -> Result<(), Failure> {
    let entries = fs::read_dir(folder).or_fail(|| format!("read {}", folder.display()))?;
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let mut archives: Vec<String> = names.filter(|name| name.ends_with(".tar.gz")).collect();
    archives.sort();
    let (program, args) =
        if find_program("sha256sum").is_some() { ("sha256sum", &[][..]) } else { ("shasum", &["-a", "256"][..]) };
    let sums = Run::new(program).within(folder).args(args).args(&archives).output()?;
    freshness::write(&folder.join(SUMS), sums.as_bytes())
}

fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    // With its mode: a program stays one.
    fs::copy(from, to).or_fail(|| format!("copy {}", from.display()))?;
    Ok(())
}

/// The title, the sentences below it, and the sections of use to whoever has the program.
fn excerpt(readme: &str) -> Result<String, Failure> {
    let (opening, _) = readme.split_once("\n## ").unwrap_or((readme, ""));
    let sections: Result<Vec<&str>, Failure> = SECTIONS.iter().map(|heading| section(readme, heading)).collect();
    Ok(format!("{}\n\n{}\n", without_links(opening.trim_end()), sections?.join("\n\n")))
}

fn section<'a>(readme: &'a str, heading: &str) -> Result<&'a str, Failure> {
    let start = readme.find(&format!("\n{heading}\n")).map(|at| at + 1);
    let start = start.ok_or_else(|| Failure::new(format!("README.md has no section `{heading}`.")))?;
    let text = &readme[start..];
    let end = text[heading.len()..].find("\n## ").map_or(text.len(), |at| heading.len() + at);
    Ok(text[..end].trim_end())
}

/// Paragraphs that lead to other files of the repository lead nowhere from an archive.
fn without_links(text: &str) -> String {
    let paragraphs = text.split("\n\n").filter(|paragraph| !paragraph.contains("]("));
    paragraphs.collect::<Vec<_>>().join("\n\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    const README: &str = "# Name\n\nWhat it is.\n\nWhere: [there](THERE.md).\n\n## Try it\n\nBuild.\n\n\
                          ## A relay on a Raspberry Pi\n\nTake it.\n\n### Which\n\nThis.\n\n\
                          ## Share files from a terminal\n\nadd\n\n## Inside\n\ncode\n\n## Licence\n\nMIT\n";

    #[test]
    fn the_excerpt_has_what_whoever_has_the_program_needs() {
        let wanted = "# Name\n\nWhat it is.\n\n## A relay on a Raspberry Pi\n\nTake it.\n\n### Which\n\nThis.\n\n\
                      ## Share files from a terminal\n\nadd\n\n## Licence\n\nMIT\n";
        assert_eq!(excerpt(README).unwrap(), wanted);
    }

    #[test]
    fn a_section_that_was_renamed_is_missed() {
        let failure = excerpt(&README.replace("Licence", "License")).unwrap_err().to_string();
        assert!(failure.contains("## Licence"), "{failure}");
    }
}
