use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(js_name = setTimeout)]
    fn set_timeout(callback: &Closure<dyn FnMut()>, ms: f64) -> f64;
    #[wasm_bindgen(js_name = clearTimeout)]
    fn clear_timeout(id: f64);
}

/// Browsers take longer waits for none.
const WAIT_MS_MAX: u64 = i32::MAX as u64;

/// Calls once, unless it is dropped before.
pub(super) struct Timer {
    id: f64,
    _callback: Closure<dyn FnMut()>,
}

impl Timer {
    pub(super) fn start(wait_ms: u64, callback: impl FnOnce() + 'static) -> Self {
        let callback = Closure::once(callback);
        let id = set_timeout(&callback, wait_ms.min(WAIT_MS_MAX) as f64);
        Self { id, _callback: callback }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        clear_timeout(self.id);
    }
}
