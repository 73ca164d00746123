//! The core in a browser's worker.
//!
//! | module | what it is |
//! |---|---|
//! | `bindings` | what JavaScript sees: converts and delegates |
//! | `driver` | runs the core's state machine |
//! | `store` | rows and blocks in IndexedDB, or in memory |
//! | `keys` | this device's secrets, wrapped by a key that scripts cannot read |
//! | `failure` | errors as JavaScript sees them |

#[cfg(target_arch = "wasm32")]
mod bindings;
#[cfg(target_arch = "wasm32")]
mod driver;
#[cfg(target_arch = "wasm32")]
mod failure;
#[cfg(target_arch = "wasm32")]
mod keys;
#[cfg(target_arch = "wasm32")]
pub mod store;
