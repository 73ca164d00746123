//! The core in a browser's worker.
//!
//! | module | what it is |
//! |---|---|
//! | `bindings` | what JavaScript sees: converts and delegates |
//! | `driver` | runs the core's state machine |
//! | `store` | rows in IndexedDB, large blocks in a file; or all in memory |
//! | `cache` | which blocks the browser keeps, and where they lie in that file |
//! | `keys` | this device's secrets, wrapped by a key that scripts cannot read |
//! | `failure` | errors as JavaScript sees them |

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(any(target_arch = "wasm32", test))]
#[cfg_attr(not(target_arch = "wasm32"), allow(dead_code, reason = "natively it is only tested"))]
mod cache;
#[cfg(target_arch = "wasm32")]
mod driver;
#[cfg(target_arch = "wasm32")]
mod failure;
#[cfg(target_arch = "wasm32")]
mod keys;
#[cfg(target_arch = "wasm32")]
pub mod store;
