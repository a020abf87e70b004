//! Opens a file without the system call for it: by `io_uring`, whose
//! requests tracepoints of system calls do not show.

use std::{
    ffi::CString,
    os::fd::{FromRawFd as _, OwnedFd},
};

use io_uring::{IoUring, opcode, types};

/// Opens a file to read it. An error where the kernel has no `io_uring`,
/// or has it switched off.
#[expect(unsafe_code, reason = "the kernel is handed addresses; see SAFETY")]
pub fn open(path: &str) -> std::io::Result<OwnedFd> {
    let path = CString::new(path)?;
    let mut ring = IoUring::new(4)?;
    let request = opcode::OpenAt::new(types::Fd(-100 /* AT_FDCWD */), path.as_ptr()).build();
    // SAFETY: the path the request points to outlives the ring's wait
    // below, after which the kernel is done with it.
    unsafe { ring.submission().push(&request) }
        .map_err(|_full| std::io::Error::other("the ring is full"))?;
    ring.submit_and_wait(1)?;
    let result = ring
        .completion()
        .next()
        .map_or(-1, |completion| completion.result());
    if result < 0 {
        return Err(std::io::Error::from_raw_os_error(-result));
    }
    // SAFETY: the kernel has just made this descriptor, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}
