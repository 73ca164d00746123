//! Time as the core sees it: a number that the driver hands in.

use core::ops::Add;

/// Milliseconds since the Unix epoch by the driver's clock.
///
/// It may be wrong or jump. It is shown to people and starts timers; no rule
/// about who may do what or who owes what rests on it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub struct Millis(pub u64);

impl Add<u64> for Millis {
    type Output = Self;

    fn add(self, ms: u64) -> Self {
        Self(self.0.saturating_add(ms))
    }
}

impl crate::cbor::Cbor for Millis {
    fn write(&self, w: &mut crate::cbor::Writer) {
        w.uint(self.0);
    }
    fn read(r: &mut crate::cbor::Reader<'_>) -> Result<Self, crate::cbor::DecodeError> {
        r.uint().map(Self)
    }
}
