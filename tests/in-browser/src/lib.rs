//! The conformance suite (`tests/conformance`) as a wasm module. It is built by
//! `cargo xtask wasm --tests` and is no part of what is shipped.
//!
//! | module | what it is |
//! |---|---|
//! | `stores` | the cases of a store, on the tab's memory and IndexedDB: `tests/browser/store.test.mjs` |
//! | `vectors` | the shared vectors, read and written by wasm: `js-sdk/test/wasm-vectors.test.js` |

#[cfg(target_arch = "wasm32")]
mod stores;
#[cfg(target_arch = "wasm32")]
mod vectors;
