//! Builds again when the embedded site changes, new files included.

fn main() {
    println!("cargo::rerun-if-changed=../demo-site/dist");
}
