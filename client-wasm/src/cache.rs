//! Which blocks the browser keeps, and where they lie. Pure, so that it is tested natively.

pub(crate) mod extents;
pub(crate) mod lru;
