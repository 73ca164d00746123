use std::cell::RefCell;

use client_wasm::store::Store;
use conformance::store::{self as suite, Bench, Lasting, Limited};
use js_sys::{Function, Promise};
use mimei_core::cid::Cid;
use mimei_core::store::{Batch, Row, RowKey, Scan, StoreError};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;

#[wasm_bindgen]
extern "C" {
    /// The worker's own: a panic ends the module, so this is the last that it says.
    #[wasm_bindgen(js_name = reportPanic)]
    fn report_panic(text: &str);
}

struct Handle(Store);

impl suite::Store for Handle {
    async fn row(&self, key: &RowKey) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.row(key).await
    }
    async fn scan(&self, scan: &Scan) -> Result<Vec<Row>, StoreError> {
        self.0.scan(scan).await
    }
    async fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.block(cid).await
    }
    async fn apply(&self, batch: Batch) -> Result<(), StoreError> {
        self.0.apply(batch).await
    }
}

/// Memory has no name: all handles are clones of the first.
#[derive(Default)]
struct Memory(RefCell<Option<Store>>);

impl Bench for Memory {
    type Store = Handle;
    async fn open(&self) -> Handle {
        if self.0.borrow().is_none() {
            let first = Store::open("", None).await.expect("memory opens");
            self.0.replace(Some(first));
        }
        Handle(self.0.borrow().clone().expect("it was opened"))
    }
}

/// Each handle is a connection of its own, as of another tab.
struct Indexed {
    name: String,
    limit: Function,
}

impl Bench for Indexed {
    type Store = Handle;
    async fn open(&self) -> Handle {
        Handle(Store::open(&self.name, None).await.expect("IndexedDB opens"))
    }
}

impl Lasting for Indexed {
    /// A connection closes with its handle.
    async fn close(&self) {}
}

impl Limited for Indexed {
    async fn limit(&self, bytes: Option<u64>) {
        let bytes = bytes.map_or(JsValue::UNDEFINED, |bytes| JsValue::from_f64(bytes as f64));
        let done: Promise = self.limit.call1(&JsValue::NULL, &bytes).expect("a call").unchecked_into();
        JsFuture::from(done).await.expect("the browser takes the limit");
    }
}

macro_rules! names {
    ($($case:ident)*) => { vec![$(stringify!($case).to_owned()),*] };
}

/// The names of all cases for that store: `memory`, `indexed`, or `rows`, where the browser has no files.
#[wasm_bindgen(js_name = storeCases)]
pub fn store_cases(store: &str) -> Vec<String> {
    let mut names = conformance::store_cases!(names);
    if store != "memory" {
        names.extend(conformance::lasting_store_cases!(names));
        names.extend(conformance::limited_store_cases!(names));
    }
    names
}

/// Runs a case in the database of that name. `limit(bytes)` limits what the origin may store, or lifts the limit.
#[wasm_bindgen(js_name = runStoreCase)]
pub async fn run_store_case(store: String, case: String, database: String, limit: Function) {
    std::panic::set_hook(Box::new(|panic| report_panic(&panic.to_string())));
    let indexed = || Indexed { name: database.clone(), limit: limit.clone() };
    macro_rules! on_indexed {
        ($($case:ident)*) => {
            match case.as_str() {
                $(stringify!($case) => return suite::$case(indexed()).await,)*
                _ => {}
            }
        };
    }
    macro_rules! on_memory {
        ($($case:ident)*) => {
            match case.as_str() {
                $(stringify!($case) => return suite::$case(Memory::default()).await,)*
                _ => {}
            }
        };
    }
    match store.as_str() {
        "memory" => conformance::store_cases!(on_memory),
        "indexed" | "rows" => {
            conformance::store_cases!(on_indexed);
            conformance::lasting_store_cases!(on_indexed);
            conformance::limited_store_cases!(on_indexed);
        }
        _ => {}
    }
    panic!("there is no case {case} for a store {store}");
}
