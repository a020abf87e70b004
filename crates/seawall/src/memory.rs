//! What this process asks of its allocator.

/// Lets the allocator keep one arena a core instead of glibc's eight.
///
/// What a server or a connector hands from one thread to another is freed
/// in the arena it came from, which keeps the pages; with eight arenas a
/// core most of them hold pages nothing is in. Call before a second
/// thread starts. A wish, not a need: what refuses it runs on as it was.
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
