//! How much a visitor downloads and a self-hoster stores.

use std::fs;
use std::path::Path;

use crate::failure::{Failure, OrFail};
use crate::profile::Profile;
use crate::shell::Run;
use crate::workspace::Workspace;
use crate::{relay, setup, site, wasm};

/// What the client may weigh, compressed: a promise to those who add it to their page.
const GZIP_BYTES_MAX: u64 = 250_000;

/// What a browser fetches.
const CLIENT_FILES: [&str; 2] = ["client_bg.wasm", "client.js"];

/// Node brings both compressions, so xtask needs no crate for either.
const COMPRESS: &str = "const fs = require('fs'), zlib = require('zlib');
for (const path of process.argv.slice(1)) {
  const raw = fs.readFileSync(path);
  const best = { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 } };
  console.log(raw.length, zlib.gzipSync(raw, { level: 9 }).length, zlib.brotliCompressSync(raw, best).length);
}";

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sizes {
    raw: u64,
    gzip: u64,
    brotli: u64,
}

/// Prints the sizes; fails if the client is over its budget.
pub(crate) fn run(workspace: &Workspace, client_only: bool) -> Result<(), Failure> {
    setup::build_tools(workspace)?;
    wasm::run(workspace, Profile::Release)?;
    let client = print_client(&wasm::folder(workspace))?;
    if !client_only {
        site::build(workspace, Profile::Release)?;
        let mimei = relay::build(workspace, Profile::Release)?;
        let bytes = fs::metadata(&mimei).or_fail(|| format!("read {}", mimei.display()))?.len();
        println!("{:<16} {:>9} bytes", "mimei", bytes);
    }
    within_budget(client)
}

fn print_client(folder: &Path) -> Result<Sizes, Failure> {
    let paths = CLIENT_FILES.map(|name| folder.join(name));
    let printed = Run::new("node").arg("-e").arg(COMPRESS).args(&paths).output()?;
    let each: Vec<Sizes> = printed.lines().map(parse).collect::<Result<_, _>>()?;
    println!("{:<16} {:>9} {:>9} {:>9}", "bytes", "raw", "gzip", "brotli");
    for (name, sizes) in CLIENT_FILES.iter().zip(&each) {
        print_row(name, *sizes);
    }
    let all = each.iter().fold(Sizes::default(), |a, b| Sizes {
        raw: a.raw + b.raw,
        gzip: a.gzip + b.gzip,
        brotli: a.brotli + b.brotli,
    });
    print_row("client", all);
    Ok(all)
}

fn print_row(name: &str, sizes: Sizes) {
    println!("{name:<16} {:>9} {:>9} {:>9}", sizes.raw, sizes.gzip, sizes.brotli);
}

fn parse(line: &str) -> Result<Sizes, Failure> {
    let numbers: Vec<u64> = line.split(' ').filter_map(|word| word.parse().ok()).collect();
    match numbers[..] {
        [raw, gzip, brotli] => Ok(Sizes { raw, gzip, brotli }),
        _ => Err(Failure::new(format!("three sizes were expected, not `{line}`."))),
    }
}

fn within_budget(client: Sizes) -> Result<(), Failure> {
    let percent = client.gzip * 100 / GZIP_BYTES_MAX;
    println!("client: {} of {GZIP_BYTES_MAX} bytes gzip, {percent} %", client.gzip);
    if client.gzip <= GZIP_BYTES_MAX {
        return Ok(());
    }
    Err(Failure::new(format!(
        "the client is {} bytes over its budget: find what grew before raising it.",
        client.gzip - GZIP_BYTES_MAX
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_byte_over_the_budget_fails() {
        let sizes = |gzip| Sizes { raw: 0, gzip, brotli: 0 };
        assert!(within_budget(sizes(GZIP_BYTES_MAX)).is_ok());
        assert!(within_budget(sizes(GZIP_BYTES_MAX + 1)).is_err());
    }

    #[test]
    fn sizes_are_read_from_three_numbers_only() {
        assert_eq!(parse("3 2 1").unwrap(), Sizes { raw: 3, gzip: 2, brotli: 1 });
        assert!(parse("3 2").is_err());
        assert!(parse("Error: no such file").is_err());
    }
}
