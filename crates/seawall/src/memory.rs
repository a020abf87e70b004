//! The allocators of this process.
//!
//! Evaluating policies and reading JSON is mostly small pieces that come
//! and go. glibc spent a third of the connector's time on finding room for
//! them; mimalloc keeps pieces of one size together. It does not ask for
//! huge pages, which would double what a server that just started holds.
//! What is written in C (SQLite, zstd) keeps to glibc. Workers of scans,
//! whose memory is bounded, are told to reserve nothing writable.

#[global_allocator]
static PIECES: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Lets glibc keep one arena a core instead of eight.
///
/// Threads make arenas of their own until there are so many, and each
/// keeps pages nothing is in any more. Call before a second thread starts.
/// A wish, not a need: what refuses it runs on as it was.
///
/// `M_ARENA_MAX` of mallopt(3); `MALLOC_ARENA_MAX` in the environment
/// says another number, and is heard.
pub(crate) fn keep_few_arenas() {
    #[cfg(target_env = "gnu")]
    if std::env::var_os("MALLOC_ARENA_MAX").is_none() {
        let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let arenas = libc::c_int::try_from(cores.max(2)).unwrap_or(libc::c_int::MAX);
        // SAFETY: mallopt takes two numbers and refuses what it does not
        // know; no other thread allocates meanwhile, as none runs yet.
        #[expect(unsafe_code, reason = "the allocator has no safe binding; see SAFETY")]
        let _ = unsafe { libc::mallopt(libc::M_ARENA_MAX, arenas) };
    }
}
