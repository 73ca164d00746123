//! Which blocks the browser keeps, where they lie, and what several changes come to. Pure, so that it is tested natively.

pub(crate) mod changes;
pub(crate) mod extents;
pub(crate) mod lru;

/// Numbers below any bound, the same for the same seed: Knuth's linear congruence.
#[cfg(test)]
fn random(seed: u64) -> impl FnMut(u64) -> u64 {
    let mut state = seed;
    move |below| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    }
}
