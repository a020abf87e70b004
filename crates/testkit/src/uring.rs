//! Opens files and connections without the system calls for it: by
//! `io_uring`, whose requests tracepoints of system calls do not show.

use std::{
    ffi::CString,
    net::{SocketAddr, SocketAddrV4},
    os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd},
};

use io_uring::{IoUring, opcode, squeue, types};

/// Opens a file to read it. An error where the kernel has no `io_uring`,
/// or has it switched off.
#[expect(unsafe_code, reason = "the kernel is handed an address; see SAFETY")]
pub fn open(path: &str) -> std::io::Result<OwnedFd> {
    let path = CString::new(path)?;
    let request = opcode::OpenAt::new(types::Fd(-100 /* AT_FDCWD */), path.as_ptr()).build();
    // SAFETY: the path outlives the wait.
    let result = unsafe { wait_for(&request) }?;
    // SAFETY: the kernel has just made this descriptor, for nobody else.
    Ok(unsafe { OwnedFd::from_raw_fd(result) })
}

/// Connects to an address of IPv4.
#[expect(unsafe_code, reason = "the kernel is handed an address; see SAFETY")]
pub fn connect(to: SocketAddr) -> std::io::Result<OwnedFd> {
    let SocketAddr::V4(to) = to else {
        return Err(std::io::Error::other("only IPv4 is spoken here"));
    };
    let socket = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )?;
    let address = raw(to);
    let request =
        opcode::Connect::new(types::Fd(socket.as_raw_fd()), address.as_ptr().cast(), 16).build();
    // SAFETY: the address outlives the wait.
    unsafe { wait_for(&request) }?;
    Ok(socket)
}

/// `struct sockaddr_in`.
fn raw(address: SocketAddrV4) -> [u8; 16] {
    let mut bytes = [0; 16];
    let (family, rest) = bytes.split_at_mut(2);
    family.copy_from_slice(&2_u16.to_ne_bytes());
    let (port, rest) = rest.split_at_mut(2);
    port.copy_from_slice(&address.port().to_be_bytes());
    let (ip, _) = rest.split_at_mut(4);
    ip.copy_from_slice(&address.ip().octets());
    bytes
}

/// What the kernel answers to a request.
///
/// # Safety
///
/// What the request points to has to live until this returns.
#[expect(unsafe_code, reason = "the kernel is handed addresses; see above")]
unsafe fn wait_for(request: &squeue::Entry) -> std::io::Result<i32> {
    let mut ring = IoUring::new(4)?;
    // SAFETY: the caller's; after the wait below the kernel is done with
    // the request.
    unsafe { ring.submission().push(request) }
        .map_err(|_full| std::io::Error::other("the ring is full"))?;
    ring.submit_and_wait(1)?;
    let result = ring
        .completion()
        .next()
        .map_or(-1, |completion| completion.result());
    if result < 0 {
        return Err(std::io::Error::from_raw_os_error(-result));
    }
    Ok(result)
}
