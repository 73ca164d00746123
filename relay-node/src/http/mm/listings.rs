//! What versions hold, remembered for a while: a film is asked for in a hundred parts, and a
//! version never changes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use mimei_core::cid::VersionId;
use mimei_core::peer::FileEntry;

/// Versions that are remembered.
const LISTINGS_MAX: usize = 32;
/// A longer list is read anew each time: 32 of the longest are about 32 MiB.
const LISTING_FILES_MAX: usize = 4096;

/// What a version holds.
pub(super) type Listing = Arc<[FileEntry]>;

/// What the versions asked for last hold. Whoever asks must have been found to be allowed to.
#[derive(Default)]
pub(super) struct Listings(Mutex<VecDeque<(VersionId, Listing)>>);

impl Listings {
    pub(super) fn get(&self, version: &VersionId) -> Option<Listing> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().find(|(of, _)| of == version).map(|(_, files)| files.clone())
    }

    pub(super) fn keep(&self, version: VersionId, files: Vec<FileEntry>) -> Listing {
        let files: Listing = files.into();
        if files.len() <= LISTING_FILES_MAX {
            let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            if known.len() >= LISTINGS_MAX {
                known.pop_front();
            }
            known.push_back((version, files.clone()));
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_goes_first() {
        let (listings, version) = (Listings::default(), |i: usize| VersionId::of(&i.to_be_bytes()));
        (0..=LISTINGS_MAX).for_each(|i| drop(listings.keep(version(i), Vec::new())));
        assert!(listings.get(&version(0)).is_none());
        assert!((1..=LISTINGS_MAX).all(|i| listings.get(&version(i)).is_some()));
    }
}
