//! Which blocks the browser keeps, where they lie, and what several changes come to. Pure, so that it is tested natively.

pub(crate) mod changes;
pub(crate) mod extents;
pub(crate) mod lru;
