//! Arguments from JavaScript and plain values to it.

use std::str::FromStr;

use js_sys::{Array, Uint8Array};
use mimei_core::time::Millis;
use wasm_bindgen::{JsCast, JsValue};

use super::{field, invalid};
use crate::failure::{Failure, Retry};

/// Whole numbers up to here are exact in JavaScript.
const SIZE_MAX: f64 = 9_007_199_254_740_991.0;

/// The arguments of a call.
pub(super) struct Args<'a>(pub(super) &'a JsValue);

impl Args<'_> {
    pub(super) fn optional_text(&self, name: &str) -> Option<String> {
        field(self.0, name).and_then(|value| value.as_string())
    }

    pub(super) fn text(&self, name: &str) -> Result<String, Failure> {
        self.optional_text(name).ok_or_else(|| invalid(&format!("{name} must be a text")))
    }

    pub(super) fn parsed<T: FromStr>(&self, name: &str) -> Result<T, Failure> {
        self.text(name)?.parse().map_err(|_| argument(format!("{name} is not the id of anything")))
    }

    pub(super) fn number(&self, name: &str) -> Option<f64> {
        field(self.0, name).and_then(|value| value.as_f64())
    }

    pub(super) fn size(&self, name: &str) -> Result<u64, Failure> {
        let number = self.number(name).filter(|n| *n >= 0.0 && n.fract() == 0.0 && *n <= SIZE_MAX);
        number.map(|n| n as u64).ok_or_else(|| argument(format!("{name} must be a whole number from 0 on")))
    }

    /// A moment; none if it is left out or null.
    pub(super) fn moment(&self, name: &str) -> Result<Option<Millis>, Failure> {
        let given = field(self.0, name).filter(|value| !value.is_null());
        given.map(|_| self.size(name).map(Millis)).transpose()
    }

    pub(super) fn bytes(&self, name: &str) -> Result<Vec<u8>, Failure> {
        let bytes = field(self.0, name).and_then(|value| value.dyn_into::<Uint8Array>().ok());
        bytes.map(|bytes| bytes.to_vec()).ok_or_else(|| invalid(&format!("{name} must be a Uint8Array")))
    }

    /// Random bytes that somebody chose; none if they are left out.
    pub(super) fn seed(&self, name: &str) -> Result<Option<[u8; 32]>, Failure> {
        let seed = field(self.0, name).map(|_| self.bytes(name)).transpose()?.map(<[u8; 32]>::try_from).transpose();
        seed.map_err(|_| argument(format!("{name} must be 32 bytes")))
    }

    pub(super) fn each<T>(
        &self,
        name: &str,
        read: impl Fn(&Args<'_>) -> Result<T, Failure>,
    ) -> Result<Vec<T>, Failure> {
        let list = field(self.0, name).and_then(|value| value.dyn_into::<Array>().ok());
        let list = list.ok_or_else(|| invalid(&format!("{name} must be a list")))?;
        list.iter().map(|value| read(&Args(&value))).collect()
    }
}

/// What the caller got wrong.
pub(super) fn argument(why: impl ToString) -> Failure {
    Failure::new("argument.invalid", why, "", Retry::Never)
}

pub(super) fn list<T>(items: impl IntoIterator<Item = T>, to_js: impl Fn(T) -> JsValue) -> JsValue {
    items.into_iter().map(to_js).collect::<Array>().into()
}

pub(super) fn optional(value: Option<impl ToString>) -> JsValue {
    value.map_or(JsValue::UNDEFINED, |value| value.to_string().into())
}

/// An amount. What is larger than JavaScript can count is shown as the largest that it can.
pub(super) fn amount(value: u64) -> JsValue {
    (value as f64).min(SIZE_MAX).into()
}
