//! The allocator: jemalloc, which keeps the pages that proving frees, up to a point.
//!
//! Proving frees and takes gigabytes again and again, and pages that went back to the kernel must be
//! zeroed before they are used again: a third of the processor time when all go back after some
//! seconds. Kept for ever, they add up to several gigabytes that nothing uses. So they are kept until
//! the process holds much of the machine, and then given back at once.

use std::{ptr::null_mut, thread, time::Duration};

use collimate_engine::memory;

#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How often the process looks at its memory: it grows by less than 1 GiB meanwhile.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Gives unused pages back whenever the process holds more than this many bytes.
pub fn give_back_above(limit: u64) {
    thread::spawn(move || {
        loop {
            if memory::resident() > limit {
                give_back();
            }
            thread::sleep(LOOK_EVERY);
        }
    });
}

/// Gives all unused pages of all arenas (number 4096 stands for all, `MALLCTL_ARENAS_ALL`) back.
#[allow(unsafe_code, reason = "jemalloc's control interface is one C function")]
fn give_back() {
    // Safety: the name ends with a zero, and this control neither reads nor writes through the pointers.
    let result = unsafe {
        tikv_jemalloc_sys::mallctl(
            c"arena.4096.purge".as_ptr(),
            null_mut(),
            null_mut(),
            null_mut(),
            0,
        )
    };
    debug_assert_eq!(result, 0, "jemalloc knows the control");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unused_pages_go_back_to_the_kernel() {
        const MIB: usize = 1 << 20;
        let before = memory::resident();
        let block = std::hint::black_box(vec![1_u8; 256 * MIB]);
        assert!(memory::resident() > before + 200 * MIB as u64);
        drop(block);
        give_back();
        assert!(memory::resident() < before + 100 * MIB as u64);
    }
}
