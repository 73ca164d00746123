//! Rules of this repository that no other tool knows. Each lives in a module of its own, with
//! tests of both sides.

mod crate_docs;
mod formats;
mod lengths;
mod licences;
mod links;
mod lock_files;
mod names;
mod roadmap;
mod tree;
mod words;

use crate::failure::Failure;
use crate::freshness;
use crate::workspace::Workspace;
use tree::Tree;

/// Says what is wrong in the tree, a line each.
type Rule = fn(&Tree) -> Vec<String>;

const RULES: [(&str, Rule); 8] = [
    ("names", names::check),
    ("words", words::check),
    ("lengths", lengths::check),
    ("lock files", lock_files::check),
    ("links", links::check),
    ("crate documents", crate_docs::check),
    ("formats", formats::check),
    ("roadmap", roadmap::check),
];

/// Checks every rule and reports all that is wrong at once.
pub(crate) fn run(workspace: &Workspace) -> Result<(), Failure> {
    let tree = Tree::load(workspace)?;
    let mut wrong: Vec<String> = Vec::new();
    for (name, rule) in RULES {
        wrong.extend(rule(&tree).into_iter().map(|line| format!("{name}: {line}")));
    }
    let licences = licences::check(workspace, &tree)?;
    wrong.extend(licences.into_iter().map(|line| format!("licences: {line}")));
    if wrong.is_empty() {
        println!("-- tidy: {} files keep all rules", tree.len());
        return Ok(());
    }
    for line in &wrong {
        println!("{line}");
    }
    Err(Failure::new(format!("tidy found {} to put right, see above.", wrong.len())))
}

/// Writes down that the format documents were compared with the code.
pub(crate) fn bless(workspace: &Workspace) -> Result<(), Failure> {
    let lock = formats::lock_text(&Tree::load(workspace)?).map_err(Failure::new)?;
    freshness::write(&workspace.root().join(formats::LOCK), lock.as_bytes())?;
    println!("-- wrote {}: commit it together with code and document", formats::LOCK);
    Ok(())
}
