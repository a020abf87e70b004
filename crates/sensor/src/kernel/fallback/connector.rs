//! Processes begun and ended, as the kernel's process connector tells
//! root: which, but not what. What it is has to be read from `/proc`,
//! and whoever is gone by then is known by its number only.

use std::{io, os::fd::OwnedFd};

use rustix::{
    io::Errno,
    net::{
        AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, bind,
        netlink::{self, SocketAddrNetlink},
        recvfrom, send, socket_with, sockopt,
    },
};

/// `CN_IDX_PROC` and `CN_VAL_PROC`: whom one talks to.
const PROCESSES: u32 = 1;
const LISTEN: u32 = 1;
const DONE: u16 = 3;
/// `struct nlmsghdr`, `struct cn_msg`, and what every event begins with.
const HEADER: usize = 16;
const MESSAGE: usize = 20;
const EVENT: usize = 16;
/// Events wait here while the sensor is busy.
const BUFFER: usize = 4 << 20;

/// What the kernel told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Happened {
    Fork {
        parent: u32,
        child: u32,
    },
    Exec {
        pid: u32,
    },
    /// Its real or effective user changed.
    User {
        pid: u32,
        effective: u32,
    },
    Session {
        pid: u32,
    },
    /// `tracer` is 0 where it let go.
    Traced {
        pid: u32,
        tracer: u32,
    },
    Exit {
        pid: u32,
        code: i32,
    },
}

/// The socket it comes by.
#[derive(Debug)]
pub(super) struct Connector {
    socket: OwnedFd,
    room: Vec<u8>,
}

impl Connector {
    /// Begins to listen. An error where the kernel lacks the connector, or
    /// this is not root of the first namespaces: it says nothing then.
    pub(super) fn open() -> io::Result<Self> {
        let socket = socket_with(
            AddressFamily::NETLINK,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
            Some(netlink::CONNECTOR),
        )?;
        // Without the capability for more, as much as anybody may have.
        if sockopt::set_socket_recv_buffer_size_force(&socket, BUFFER).is_err() {
            sockopt::set_socket_recv_buffer_size(&socket, BUFFER)?;
        }
        bind(&socket, &SocketAddrNetlink::new(0, PROCESSES))?;
        send(&socket, &request(LISTEN), SendFlags::empty())?;
        let mut connector = Self {
            socket,
            room: vec![0; 64 << 10],
        };
        connector.wait_for_answer()?;
        Ok(connector)
    }

    /// The kernel acknowledges a listener; where nobody answers within a
    /// second, nothing would ever be told.
    fn wait_for_answer(&mut self) -> io::Result<()> {
        use rustix::event::{PollFd, PollFlags, Timespec, poll};
        let second = Timespec {
            tv_sec: 1,
            tv_nsec: 0,
        };
        let mut wait = [PollFd::new(&self.socket, PollFlags::IN)];
        if poll(&mut wait, Some(&second))? == 0 {
            return Err(io::Error::other(
                "the kernel's process connector does not answer",
            ));
        }
        Ok(())
    }

    pub(super) fn socket(&self) -> &OwnedFd {
        &self.socket
    }

    /// Takes what has arrived, at most `most` messages. Whether some were
    /// lost because they were not taken fast enough.
    pub(super) fn read(&mut self, most: usize, tell: &mut dyn FnMut(Happened)) -> io::Result<bool> {
        let mut has_lost = false;
        for _ in 0..most {
            match recvfrom(&self.socket, &mut self.room[..], RecvFlags::DONTWAIT) {
                Ok((length, _, from)) => {
                    let from = from.and_then(|from| SocketAddrNetlink::try_from(from).ok());
                    // Any process may send here; the kernel is number 0.
                    if from.is_some_and(|from| from.pid() == 0) {
                        let bytes = self.room.get(..length).unwrap_or_default();
                        if let Some(happened) = parse(bytes) {
                            tell(happened);
                        }
                    }
                }
                Err(Errno::AGAIN | Errno::INTR) => break,
                Err(Errno::NOBUFS) => has_lost = true,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(has_lost)
    }
}

fn request(operation: u32) -> Vec<u8> {
    let length = HEADER + MESSAGE + 4;
    let mut bytes = Vec::with_capacity(length);
    bytes.extend(u32::try_from(length).unwrap_or_default().to_ne_bytes());
    bytes.extend(DONE.to_ne_bytes());
    bytes.extend([0; 10]); // flags, sequence, port
    bytes.extend(PROCESSES.to_ne_bytes());
    bytes.extend(PROCESSES.to_ne_bytes());
    bytes.extend([0; 8]); // sequence, acknowledgement
    bytes.extend(4_u16.to_ne_bytes());
    bytes.extend([0; 2]); // flags
    bytes.extend(operation.to_ne_bytes());
    bytes
}

/// One message of the kernel; nothing where it is of another sort, about
/// a thread only, or too short.
fn parse(bytes: &[u8]) -> Option<Happened> {
    let message = bytes.get(HEADER..)?;
    if number(message, 0)? != PROCESSES || number(message, 4)? != PROCESSES {
        return None;
    }
    let event = message.get(MESSAGE..)?;
    let what = number(event, 0)?;
    let of = event.get(EVENT..)?;
    let (thread, pid) = (number(of, 0)?, number(of, 4)?);
    match what {
        0x1 => {
            let (child_thread, child) = (number(of, 8)?, number(of, 12)?);
            (child_thread == child).then_some(Happened::Fork { parent: pid, child })
        }
        0x2 => Some(Happened::Exec { pid }),
        0x4 => Some(Happened::User {
            pid,
            effective: number(of, 12)?,
        }),
        0x80 => Some(Happened::Session { pid }),
        0x100 => Some(Happened::Traced {
            pid,
            tracer: number(of, 12)?,
        }),
        0x8000_0000 => (thread == pid).then_some(Happened::Exit {
            pid,
            code: number(of, 8)?.cast_signed(),
        }),
        _ => None,
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_ne_bytes(four.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(what: u32, numbers: &[u32]) -> Vec<u8> {
        let mut bytes = request(what);
        bytes.extend([0; EVENT - 4]);
        for number in numbers {
            bytes.extend(number.to_ne_bytes());
        }
        bytes
    }

    #[test]
    fn processes_are_told_and_threads_are_not() {
        assert_eq!(
            parse(&message(1, &[10, 10, 11, 11])),
            Some(Happened::Fork {
                parent: 10,
                child: 11
            })
        );
        assert_eq!(parse(&message(1, &[10, 10, 12, 10])), None);
        assert_eq!(
            parse(&message(2, &[13, 11])),
            Some(Happened::Exec { pid: 11 })
        );
        assert_eq!(
            parse(&message(0x8000_0000, &[11, 11, 9, 17])),
            Some(Happened::Exit { pid: 11, code: 9 })
        );
        assert_eq!(parse(&message(0x8000_0000, &[12, 11, 9, 17])), None);
    }

    #[test]
    fn short_and_foreign_messages_are_nothing() {
        let whole = message(1, &[10, 10, 11, 11]);
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), None, "{end}");
        }
        let mut foreign = whole;
        foreign[HEADER] = 7;
        assert_eq!(parse(&foreign), None);
    }
}
