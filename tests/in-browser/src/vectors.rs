use conformance::vectors::{Beside, MapShape, map_of, read_again};
use mimei_core::cid::{Cid, Codec};
use wasm_bindgen::prelude::*;

/// Reads bytes as what they are meant to be, checks them and writes them again; throws why not.
/// `cid` and `key` are what stands beside them, if anything.
#[wasm_bindgen(js_name = readAgain)]
pub fn read_vector_again(
    kind: &str,
    bytes: &[u8],
    cid: Option<String>,
    key: Option<Vec<u8>>,
) -> Result<Vec<u8>, String> {
    let cid = cid.map(|text| text.parse::<Cid>()).transpose().map_err(|error| error.to_string())?;
    let key = key.map(|key| key.try_into().map_err(|_| "a key has 32 bytes".to_owned())).transpose()?;
    read_again(kind, bytes, &Beside { cid, key })
}

/// The address of bytes as a block.
#[wasm_bindgen(js_name = addressOf)]
pub fn address_of(bytes: &[u8], raw: bool) -> String {
    Cid::of(if raw { Codec::Raw } else { Codec::DagCbor }, bytes).to_string()
}

/// The root of a map of `maps.json`, and its number of nodes: `root nodes`.
#[wasm_bindgen(js_name = rootOfMap)]
pub fn root_of_map(salt: u8, entries: usize, heavy: usize) -> String {
    let MapShape { root, nodes } = map_of([salt; 32], entries, heavy);
    format!("{root} {nodes}")
}
