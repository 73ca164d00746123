//! Large blocks, in one file of the origin private file system.
//!
//! IndexedDB takes thirty times as long for a block of this size, and what the browser holds of its requests until
//! it collects garbage is more than all the rest of a tab. The database says where each block lies; what it does not
//! name is free, so a write that was cut off leaves nothing behind. A block is compared with its address when it is
//! read: after a loss of power the database may name what the file never got.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::{Rc, Weak};

use js_sys::Promise;
use mimei_core::cid::Cid;
use mimei_core::store::StoreError;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{DomException, FileSystemReadWriteOptions, FileSystemSyncAccessHandle};

use super::{failed, is_full};
use crate::cache::extents::{Extent, Extents};

/// A worker that just ended, of another tab, may still hold the file.
const TRIES_MAX: u32 = 200;
const TRY_AGAIN_MS: i32 = 50;
/// What is free at the end is given back to the system from so many bytes on.
const GIVEN_BACK_BYTES_MIN: u64 = 16 << 20;

thread_local! {
    /// One file can be open once: stores of one database share it.
    static OPEN: RefCell<BTreeMap<String, Weak<BlockFile>>> = RefCell::default();
}

pub(super) struct BlockFile {
    handle: FileSystemSyncAccessHandle,
    extents: RefCell<Extents>,
    places: RefCell<BTreeMap<Cid, Extent>>,
    /// Whether there is something that a loss of power would lose.
    is_dirty: Cell<bool>,
}

impl Drop for BlockFile {
    fn drop(&mut self) {
        self.handle.close();
    }
}

/// Blocks that are in the file and that no row names yet. What is not kept goes again.
pub(super) struct Written<'a> {
    file: &'a BlockFile,
    places: Vec<(Cid, Extent)>,
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        if self.places.is_empty() {
            return;
        }
        let places = self.places.drain(..);
        places.for_each(|(_, extent)| self.file.extents.borrow_mut().free(extent));
        // There may have been no room, and what was written takes that of others. If it cannot go it is used again.
        let _ = self.file.give_back(0);
    }
}

impl Written<'_> {
    pub(super) fn places(&self) -> &[(Cid, Extent)] {
        &self.places
    }

    /// Rows name them now.
    pub(super) fn keep(mut self) {
        for (cid, extent) in std::mem::take(&mut self.places) {
            self.file.place(cid, extent);
        }
    }
}

impl BlockFile {
    /// Opens the file of that database. `kept` says where blocks lie, if this is the first to open it.
    /// None where the browser has no such files and nothing lies in one.
    pub(super) async fn open(
        database: &str,
        kept: impl AsyncFn() -> Result<Vec<(Cid, Extent)>, StoreError>,
    ) -> Result<Option<Rc<Self>>, StoreError> {
        for _ in 0..TRIES_MAX {
            if let Some(file) = OPEN.with_borrow(|open| open.get(database).and_then(Weak::upgrade)) {
                return Ok(Some(file));
            }
            match handle_of(database).await {
                Ok(handle) => {
                    let file = Self {
                        handle,
                        extents: RefCell::default(),
                        places: RefCell::default(),
                        is_dirty: Cell::default(),
                    };
                    file.load(kept().await?)?;
                    let file = Rc::new(file);
                    OPEN.with_borrow_mut(|open| open.insert(database.to_owned(), Rc::downgrade(&file)));
                    return Ok(Some(file));
                }
                Err(error) if is_held(&error) => pause(TRY_AGAIN_MS).await,
                Err(_) if kept().await?.is_empty() => return Ok(None),
                Err(error) => {
                    return Err(failed(format!("the file with large blocks does not open: {}", said(&error))));
                }
            }
        }
        Err(failed("another window of this site still holds the data: close it"))
    }

    /// Takes over what the database says. A loss of power can leave places that name one another's bytes, or what
    /// is not there: of these only what is right stays.
    fn load(&self, mut kept: Vec<(Cid, Extent)>) -> Result<(), StoreError> {
        kept.sort_unstable_by_key(|(_, extent)| extent.offset);
        let bytes = self.handle.get_size().map_err(of_js)? as u64;
        let mut end = 0;
        let mut places = BTreeMap::new();
        for at in 0..kept.len() {
            let (cid, extent) = kept[at];
            let meets_next = kept.get(at + 1).is_some_and(|(_, next)| next.offset < extent.end());
            let is_doubtful = extent.offset < end || meets_next || extent.end() > bytes;
            if is_doubtful && self.read(&cid, extent)?.is_none() {
                continue;
            }
            end = end.max(extent.end());
            places.insert(cid, extent);
        }
        self.extents.replace(Extents::of(places.values().copied()));
        self.places.replace(places);
        self.give_back(0)
    }

    pub(super) fn has(&self, cid: &Cid) -> bool {
        self.places.borrow().contains_key(cid)
    }

    /// Where a block lies.
    pub(super) fn extent(&self, cid: &Cid) -> Option<Extent> {
        self.places.borrow().get(cid).copied()
    }

    /// A block's bytes. None if it is not there, or no longer whole.
    pub(super) fn block(&self, cid: &Cid) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(extent) = self.extent(cid) else { return Ok(None) };
        self.read(cid, extent)
    }

    fn read(&self, cid: &Cid, extent: Extent) -> Result<Option<Vec<u8>>, StoreError> {
        let size = self.handle.get_size().map_err(of_js)? as u64;
        if extent.end() > size {
            return Ok(None);
        }
        let mut bytes = vec![0; extent.bytes as usize];
        let count = self.handle.read_with_u8_array_and_options(&mut bytes, &at(extent.offset)).map_err(of_js)?;
        Ok((count == extent.bytes as f64 && cid.verifies(&bytes)).then_some(bytes))
    }

    /// Writes blocks where there is room.
    pub(super) fn write<'a>(
        &self,
        blocks: impl IntoIterator<Item = (&'a Cid, &'a [u8])>,
    ) -> Result<Written<'_>, StoreError> {
        let mut written = Written { file: self, places: Vec::new() };
        for (cid, block) in blocks {
            let extent = self.extents.borrow_mut().take(block.len() as u64);
            written.places.push((*cid, extent));
            self.is_dirty.set(true);
            let count = self.handle.write_with_u8_array_and_options(block, &at(extent.offset)).map_err(of_js)?;
            // Chromium's private windows say how a write failed in the count: 4294967288 is no room.
            if count != block.len() as f64 {
                return Err(StoreError::Full);
            }
        }
        Ok(written)
    }

    /// Waits until everything that was written survives the loss of power.
    pub(super) fn flush(&self) -> Result<(), StoreError> {
        if self.is_dirty.get() {
            self.handle.flush().map_err(of_js)?;
            self.is_dirty.set(false);
        }
        Ok(())
    }

    /// No row names the block any more.
    pub(super) fn remove(&self, cid: &Cid) {
        let Some(extent) = self.places.borrow_mut().remove(cid) else { return };
        self.extents.borrow_mut().free(extent);
        // What cannot be given back now is used again later.
        let _ = self.give_back(GIVEN_BACK_BYTES_MIN);
    }

    fn place(&self, cid: Cid, extent: Extent) {
        if let Some(old) = self.places.borrow_mut().insert(cid, extent) {
            self.extents.borrow_mut().free(old);
        }
    }

    fn give_back(&self, bytes_min: u64) -> Result<(), StoreError> {
        let (end, size) = (self.extents.borrow().end(), self.handle.get_size().map_err(of_js)? as u64);
        if size > end + bytes_min {
            self.handle.truncate_with_f64(end as f64).map_err(of_js)?;
        }
        Ok(())
    }
}

fn at(offset: u64) -> FileSystemReadWriteOptions {
    let options = FileSystemReadWriteOptions::new();
    options.set_at_f64(offset as f64);
    options
}

/// The database's file, made if there is none.
async fn handle_of(database: &str) -> Result<FileSystemSyncAccessHandle, JsValue> {
    let root: Folder = JsFuture::from(root_folder()?).await?.unchecked_into();
    let options = js_sys::Object::new();
    js_sys::Reflect::set(&options, &"create".into(), &true.into())?;
    let file: File = JsFuture::from(root.file(&name_of(database), &options)?).await?.unchecked_into();
    JsFuture::from(file.open()?).await?.dyn_into()
}

/// The name of a database's file: letters, digits and `-` as they are, every other byte in hex behind `_`.
fn name_of(database: &str) -> String {
    let escaped = database.bytes().map(|byte| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' => char::from(byte).to_string(),
        byte => format!("_{byte:02x}"),
    });
    escaped.chain([".blocks".to_owned()]).collect()
}

fn is_held(error: &JsValue) -> bool {
    error.dyn_ref::<DomException>().is_some_and(|error| error.name() == "NoModificationAllowedError")
}

fn of_js(error: JsValue) -> StoreError {
    match error.dyn_ref::<DomException>() {
        Some(error) if is_full(error) => StoreError::Full,
        _ => failed(said(&error)),
    }
}

fn said(error: &JsValue) -> String {
    match error.dyn_ref::<js_sys::Error>() {
        Some(error) => String::from(error.to_string()),
        None => format!("{error:?}"),
    }
}

// Declared here rather than taken from `web-sys`, whose methods do not say that a browser may lack them.
#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch, js_namespace = ["navigator", "storage"], js_name = getDirectory)]
    fn root_folder() -> Result<Promise, JsValue>;

    type Folder;
    #[wasm_bindgen(catch, method, js_name = getFileHandle)]
    fn file(this: &Folder, name: &str, options: &js_sys::Object) -> Result<Promise, JsValue>;

    type File;
    #[wasm_bindgen(catch, method, js_name = createSyncAccessHandle)]
    fn open(this: &File) -> Result<Promise, JsValue>;

    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &js_sys::Function, ms: i32);
}

async fn pause(ms: i32) {
    let waited = Promise::new(&mut |resolve, _| set_timeout(&resolve, ms));
    // It never rejects.
    let _ = JsFuture::from(waited).await;
}
