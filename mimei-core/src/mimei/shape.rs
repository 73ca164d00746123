//! Forms that several records share.

use crate::cbor::{Cbor, DecodeError, DecodeErrorKind, Reader, Writer};

/// A field that a later version of the format will use: null until then.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Reserved;

impl Cbor for Reserved {
    fn write(&self, w: &mut Writer) {
        w.null();
    }
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let at = r.position();
        if r.null_if_next() {
            Ok(Self)
        } else {
            Err(DecodeError::new(at, DecodeErrorKind::Invalid("a field that only a later version knows")))
        }
    }
}

/// Whether each is larger than the one before it: a set in its one order.
pub(crate) fn strictly_rising<T: Ord>(items: &[T]) -> bool {
    items.windows(2).all(|pair| pair[0] < pair[1])
}
