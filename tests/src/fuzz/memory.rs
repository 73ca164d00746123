//! An allocator that counts what a thread has allocated. A program that names it its own measures:
//!
//! ```
//! #[global_allocator]
//! static MEMORY: tests::fuzz::memory::Counting = tests::fuzz::memory::Counting;
//!
//! let (_, peak) = tests::fuzz::memory::peak_of(|| vec![0_u8; 1000]);
//! assert!((1000..2000).contains(&peak));
//! ```
//!
//! In a program that does not, every peak is 0.
#![allow(unsafe_code, reason = "an allocator cannot be written without; it hands everything on to the system's")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    /// What is allocated now and what was at most, in bytes. What was allocated by another thread is
    /// subtracted where it is freed, so the first may be negative.
    static COUNT: Cell<(isize, isize)> = const { Cell::new((0, 0)) };
}

/// The system's allocator, counting.
pub struct Counting;

fn count(bytes: isize) {
    // A thread that ends frees things when its count is gone already.
    let _ = COUNT.try_with(|count| {
        let (now, peak) = count.get();
        count.set((now + bytes, peak.max(now + bytes)));
    });
}

// SAFETY: every call is the system's with the same arguments; counting neither allocates nor unwinds.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promised us.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as the caller promised us.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as the caller promised us.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        // Both exist while one is copied to the other.
        count(size as isize);
        count(-(layout.size() as isize));
        // SAFETY: as the caller promised us.
        unsafe { System.realloc(memory, layout, size) }
    }
}

/// The result of `work`, and how many bytes this thread had allocated for it at once at most.
pub fn peak_of<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = COUNT.get().0;
    COUNT.set((before, before));
    let done = work();
    let peak = COUNT.get().1 - before;
    (done, peak.unsigned_abs())
}
