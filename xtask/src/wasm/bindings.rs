//! From the compiled module to what the SDK imports. The crate below replaces the wasm-bindgen
//! program, whose version would have to be kept equal by hand.

use std::fs;
use std::path::{Path, PathBuf};

use wasm_bindgen_cli_support::Bindgen;

use crate::failure::{Failure, OrFail};
use crate::freshness::{self, Contents, unless_fresh};
use crate::shell::say;
use crate::workspace::Workspace;

use super::Module;

/// This file has the options, and is therefore an input of the bindings.
const OPTIONS: &str = include_str!("bindings.rs");

/// Writes the bindings of a module that was `built` unless they are there already.
pub(super) fn write(workspace: &Workspace, module: Module, built: &Path) -> Result<(), Failure> {
    let folder = module.folder(workspace);
    let inputs = Contents::new().word(OPTIONS).path(built, &[])?.finish();
    let step = format!("bindings-{}", module.name);
    unless_fresh(workspace, &step, &inputs, std::slice::from_ref(&folder), || {
        say(format!("wasm-bindgen writes {}", folder.display()));
        let made = workspace.own().join(&step);
        generate(built, module.name, &made)?;
        mirror(&made, &folder)
    })
}

fn generate(module: &Path, name: &str, folder: &Path) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder).or_fail(|| format!("empty {}", folder.display()))?;
    }
    let doing = || format!("write the bindings of {}", module.display());
    let mut bindgen = Bindgen::new();
    bindgen
        .input_path(module)
        .web(true)
        .or_fail(doing)?
        // The glue finds the module beside itself, in a way that bundlers understand.
        .omit_default_module_path(false)
        .typescript(true)
        .out_name(name)
        .remove_name_section(true)
        .remove_producers_section(true);
    bindgen.generate(folder).or_fail(doing)
}

/// Makes `to` equal to `from`, touching only what differs, so that watchers and cargo stay calm.
fn mirror(from: &Path, to: &Path) -> Result<(), Failure> {
    let wanted = files(from)?;
    for path in files(to).unwrap_or_default() {
        let kept = wanted.iter().any(|other| other.file_name() == path.file_name());
        if !kept {
            fs::remove_file(&path).or_fail(|| format!("remove {}", path.display()))?;
        }
    }
    for path in wanted {
        let bytes = fs::read(&path).or_fail(|| format!("read {}", path.display()))?;
        let place = to.join(path.file_name().unwrap_or_default());
        if fs::read(&place).ok().as_ref() != Some(&bytes) {
            freshness::write(&place, &bytes)?;
        }
    }
    Ok(())
}

fn files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let entries = fs::read_dir(folder).or_fail(|| format!("read {}", folder.display()))?;
    Ok(entries.filter_map(|entry| Some(entry.ok()?.path())).filter(|path| path.is_file()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scratch::Scratch;

    #[test]
    fn a_mirror_drops_what_is_gone_and_leaves_what_is_equal() {
        let folder = Scratch::new();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let put = |path: PathBuf, text: &str| freshness::write(&path, text.as_bytes()).unwrap();
        put(from.join("same"), "1");
        put(from.join("new"), "2");
        put(to.join("same"), "1");
        put(to.join("gone"), "3");
        let before = fs::metadata(to.join("same")).unwrap().modified().unwrap();
        mirror(&from, &to).unwrap();
        assert_eq!(fs::metadata(to.join("same")).unwrap().modified().unwrap(), before);
        assert_eq!(fs::read(to.join("new")).unwrap(), b"2");
        assert!(!to.join("gone").exists());
    }

    #[test]
    fn a_file_that_is_no_wasm_is_refused_by_name() {
        let folder = Scratch::new();
        let module = folder.path().join("bad.wasm");
        fs::write(&module, b"not wasm").unwrap();
        let refused = generate(&module, "bad", &folder.path().join("out"));
        assert!(refused.expect_err("it is no module").to_string().contains("bad.wasm"));
    }
}
