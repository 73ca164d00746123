//! Randomness as an input: a stream stretched from a seed that the driver drew.
//!
//! The core never draws randomness. Whoever needs it for one purpose is handed
//! 32 fresh bytes and stretches them with BLAKE3 in its extendable-output mode.

use core::convert::Infallible;

use rand_core::{TryCryptoRng, TryRng};

/// 32 bytes from the driver's cryptographic random generator, used once.
pub type Seed = [u8; 32];

/// A random stream from one seed.
pub(crate) struct SeededRandom(blake3::OutputReader);

impl SeededRandom {
    /// The stream of `seed` for the purpose that `context` names.
    pub(crate) fn new(context: &str, seed: &Seed) -> Self {
        Self(blake3::Hasher::new_derive_key(context).update(seed).finalize_xof())
    }

    /// The next `N` bytes.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        let mut out = [0; N];
        self.0.fill(&mut out);
        out
    }
}

impl TryRng for SeededRandom {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok(u32::from_le_bytes(self.bytes()))
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        Ok(u64::from_le_bytes(self.bytes()))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Infallible> {
        self.0.fill(out);
        Ok(())
    }
}

impl TryCryptoRng for SeededRandom {}

impl snow::types::Random for SeededRandom {
    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), snow::Error> {
        self.0.fill(out);
        Ok(())
    }
}
