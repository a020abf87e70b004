//! Events as rules see them: from a call of the kernel to names, flags in
//! words, paths from the root, and both ends of a connection.
//!
//! Nothing here allocates for an event: texts are written into buffers that
//! are kept, arguments stand in an array of fixed size.

use std::{
    cell::{Cell, OnceCell},
    net::IpAddr,
    ops::Range,
};

use rules::syscall::{
    Argument, Arguments, Bytes, Connection, Descriptor, DescriptorKind, Event, Kind, Later, Open,
    Process, errno_name,
};

use super::{hash::FastHash, names::Names, process::users::Users};
use crate::record::{Call, Exec, File, Fork, Record, Socket};

mod call;
mod words;
mod write;

/// As many as any call has.
const MAX_ARGUMENTS: usize = 10;
/// Ends that sockets without a connection sent to last.
const RECENT: usize = 4096;
const IS_FOLDER: u32 = 0o040_000;
const FILE_TYPE: u32 = 0o170_000;

/// Where an argument's text is.
#[derive(Clone, Copy, Debug)]
enum Text<'r> {
    /// Where the record had it.
    Given(&'r [u8]),
    Word(&'static str),
    Written(u32, u32),
    /// One of the two paths, from the root.
    First,
    Second,
}

#[derive(Clone, Copy, Debug)]
struct Item<'r> {
    name: &'static str,
    text: Text<'r>,
    raw: Option<i64>,
}

/// The arguments of one event, while they are collected.
#[derive(Debug)]
struct Items<'r> {
    items: [Item<'r>; MAX_ARGUMENTS],
    count: usize,
}

impl<'r> Items<'r> {
    fn new() -> Self {
        Self {
            items: [Item {
                name: "",
                text: Text::Word(""),
                raw: None,
            }; MAX_ARGUMENTS],
            count: 0,
        }
    }

    fn push(&mut self, name: &'static str, text: Text<'r>, raw: Option<i64>) {
        if let Some(place) = self.items.get_mut(self.count) {
            *place = Item { name, text, raw };
            self.count += 1;
        }
    }
}

type Written<'t> = ([Argument<'t>; MAX_ARGUMENTS], usize);

/// The arguments of a call, once somebody asks for them.
struct OnDemand<'t, 'r> {
    frame: &'t Frame<'t>,
    call: &'t Call<'r>,
    /// Both paths, and what they are from the root.
    paths: [(Path<'r>, &'t [u8]); 2],
    /// Lent by the scribe.
    buffer: &'t Cell<Vec<u8>>,
    collected: &'t OnceCell<(Vec<u8>, Items<'r>)>,
    arguments: OnceCell<Written<'t>>,
}

impl<'t> OnDemand<'t, '_> {
    fn write(&self) -> Written<'t> {
        let [(first, first_text), (second, second_text)] = self.paths;
        let (text, items) = self.collected.get_or_init(|| {
            let mut text = self.buffer.take();
            text.clear();
            let mut items = Items::new();
            call::fill(&mut text, &mut items, self.frame, self.call, first, second);
            (text, items)
        });
        texts(items, text, first_text, second_text)
    }
}

impl Later for OnDemand<'_, '_> {
    fn all(&self) -> &[Argument<'_>] {
        let (arguments, count) = self.arguments.get_or_init(|| self.write());
        arguments.get(..*count).unwrap_or_default()
    }
}

/// Who did it and when, as far as the record's event goes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Frame<'a> {
    pub(crate) number: u64,
    pub(crate) time: i64,
    pub(crate) process: &'a Process,
    pub(crate) users: &'a Users,
    /// The container names were resolved in.
    pub(crate) place: Option<u32>,
}

/// Writes events; its buffers are used again and again.
#[derive(Debug)]
pub(crate) struct Scribe {
    text: Vec<u8>,
    first: Vec<u8>,
    second: Vec<u8>,
    /// The name of a socket.
    end: Vec<u8>,
    recent: Vec<u64>,
    hash: FastHash,
}

impl Scribe {
    pub(crate) fn new() -> Self {
        Self {
            text: Vec::with_capacity(8192),
            first: Vec::with_capacity(4096),
            second: Vec::with_capacity(4096),
            end: Vec::with_capacity(128),
            recent: vec![0; RECENT],
            hash: FastHash::default(),
        }
    }

    /// A call as an event.
    pub(crate) fn call(
        &mut self,
        frame: &Frame<'_>,
        record: &Record<'_>,
        call: &Call<'_>,
        names: &Names,
        tell: &mut dyn FnMut(&Event<'_>),
    ) {
        let first = self.path(call, call.path, call.folder, true);
        let second = self.path(call, call.second, call.second_folder, false);
        let raw_name = call.path;
        let kind = kind_of(call);
        let number = call::descriptor_number(call);
        let is_unix = kind == Some(DescriptorKind::Unix);
        // An abstract name begins with a zero byte; it is written with an @.
        self.end.clear();
        if is_unix
            && let Some(socket) = &call.socket
            && let [0, name @ ..] = socket.path
        {
            self.end.push(b'@');
            self.end.extend_from_slice(name);
        }
        let is_renamed = call
            .socket
            .as_ref()
            .is_some_and(|socket| self.is_other_end(frame, call, socket));
        let buffer = Cell::new(std::mem::take(&mut self.text));
        let collected = OnceCell::new();
        let later = OnDemand {
            frame,
            call,
            paths: [
                (first, first.of(&self.first)),
                (second, second.of(&self.second)),
            ],
            buffer: &buffer,
            collected: &collected,
            arguments: OnceCell::new(),
        };
        let name = match &call.socket {
            Some(_) if !self.end.is_empty() => &self.end,
            Some(socket) => socket.path,
            None if call::is_about_file(call) => first.of(&self.first),
            None => b"",
        };
        let (client_names, server_names) = resolved(call.socket.as_ref(), names, frame.place);
        let descriptor = kind.map(|kind| {
            let file = call.file.as_ref();
            Descriptor {
                number,
                kind,
                name,
                raw_name,
                is_renamed,
                connection: connection(call, kind, client_names, server_names),
                inode: file.map_or(0, |it| it.inode),
                device: file.map_or((0, 0), |it| it.device),
                is_upper_layer: upper(file),
            }
        });
        tell(&Event {
            number: frame.number,
            time: frame.time,
            kind: call.kind,
            cpu: record.task.cpu,
            process: frame.process,
            thread: i64::from(record.task.tid),
            result: call.result,
            latency: 0,
            open: created(call::open(call), call, frame.time),
            descriptor,
            arguments: Arguments::later(&later),
            buffer: if call.kind == Kind::Mount {
                b""
            } else {
                call.data
            },
        });
        self.text = match collected.into_inner() {
            Some((text, _)) => text,
            None => buffer.take(),
        };
    }

    /// A program that was started.
    pub(crate) fn exec(
        &mut self,
        frame: &Frame<'_>,
        record: &Record<'_>,
        exec: &Exec<'_>,
        tell: &mut dyn FnMut(&Event<'_>),
    ) {
        self.text.clear();
        let process = frame.process;
        let mut items = Items::new();
        items.push("res", Text::Word("0"), Some(0));
        items.push("exe", Text::Given(&process.exe), None);
        let from = self.text.len();
        for argument in &process.arguments {
            if self.text.len() > from {
                self.text.push(b' ');
            }
            self.text.extend_from_slice(argument);
        }
        items.push("args", written(from, &self.text), None);
        let (text, items_) = (&mut self.text, &mut items);
        call::number(text, items_, "tid", i64::from(record.task.tid));
        call::number(text, items_, "pid", i64::from(record.task.pid));
        call::number(text, items_, "ptid", i64::from(record.task.parent));
        items.push("cwd", Text::Given(&process.working_folder), None);
        items.push("comm", Text::Given(&process.name), None);
        let from = self.text.len();
        let executable = &process.executable;
        for (word, is_so) in [
            ("EXE_WRITABLE", executable.is_writable),
            ("EXE_UPPER_LAYER", executable.is_upper_layer),
            ("EXE_FROM_MEMFD", executable.is_memfd),
            ("EXE_LOWER_LAYER", executable.is_lower_layer),
        ] {
            if is_so {
                if self.text.len() > from {
                    self.text.push(b'|');
                }
                self.text.extend_from_slice(word.as_bytes());
            }
        }
        items.push("flags", written(from, &self.text), None);
        items.push("filename", Text::Given(exec.path), None);
        let (arguments, count) = texts(&items, &self.text, b"", b"");
        tell(&Event {
            number: frame.number,
            time: frame.time,
            kind: Kind::Execve,
            cpu: record.task.cpu,
            process,
            thread: i64::from(record.task.tid),
            result: 0,
            latency: 0,
            open: Open::default(),
            descriptor: None,
            arguments: Arguments::new(arguments.get(..count).unwrap_or_default()),
            buffer: b"",
        });
    }

    /// A process that was made; the event is its parent's.
    pub(crate) fn fork(
        &mut self,
        frame: &Frame<'_>,
        record: &Record<'_>,
        fork: &Fork,
        tell: &mut dyn FnMut(&Event<'_>),
    ) {
        self.text.clear();
        let mut items = Items::new();
        let (text, items_) = (&mut self.text, &mut items);
        call::number(text, items_, "res", i64::from(fork.pid));
        call::number(text, items_, "vpid", i64::from(fork.virtual_pid));
        self.simple(
            frame,
            record,
            Kind::Clone,
            i64::from(fork.pid),
            &items,
            tell,
        );
    }

    /// A process that ended, with its status as `wait` gives it.
    pub(crate) fn exit(
        &mut self,
        frame: &Frame<'_>,
        record: &Record<'_>,
        code: i32,
        tell: &mut dyn FnMut(&Event<'_>),
    ) {
        self.text.clear();
        let mut items = Items::new();
        let (text, items_) = (&mut self.text, &mut items);
        call::number(text, items_, "status", i64::from(code));
        call::number(text, items_, "ret", i64::from(code >> 8 & 0xff));
        let signal = u64::from((code & 0x7f).unsigned_abs());
        call::choice(items_, "sig", words::SIGNALS, signal);
        self.simple(frame, record, Kind::Procexit, 0, &items, tell);
    }

    fn simple(
        &self,
        frame: &Frame<'_>,
        record: &Record<'_>,
        kind: Kind,
        result: i64,
        items: &Items<'_>,
        tell: &mut dyn FnMut(&Event<'_>),
    ) {
        let (arguments, count) = texts(items, &self.text, b"", b"");
        tell(&Event {
            number: frame.number,
            time: frame.time,
            kind,
            cpu: record.task.cpu,
            process: frame.process,
            thread: i64::from(record.task.tid),
            result,
            latency: 0,
            open: Open::default(),
            descriptor: None,
            arguments: Arguments::new(arguments.get(..count).unwrap_or_default()),
            buffer: b"",
        });
    }

    /// One of a call's paths from the root: as the kernel resolved it, else
    /// from the folder it begins in.
    fn path<'r>(
        &mut self,
        call: &Call<'r>,
        path: &'r [u8],
        folder: &[u8],
        is_first: bool,
    ) -> Path<'r> {
        if is_first && !call.resolved.is_empty() {
            return Path::Given(call.resolved);
        }
        let is_whole = path.starts_with(b"/");
        // What a link says is no path yet, nor is the name of a module.
        if path.is_empty() || (!is_whole && folder.is_empty()) || (is_whole && is_tidy(path)) {
            return Path::Given(path);
        }
        let into = if is_first {
            &mut self.first
        } else {
            &mut self.second
        };
        write::join(into, folder, path);
        Path::Joined
    }

    /// Whether a socket without a connection sends to another end than
    /// last time.
    fn is_other_end(&mut self, frame: &Frame<'_>, call: &Call<'_>, socket: &Socket<'_>) -> bool {
        if !matches!(call.kind, Kind::Sendto | Kind::Sendmsg) || call::is_connected(call) {
            return false;
        }
        let Some((address, port)) = socket.remote else {
            return false;
        };
        let mut who = [0u8; 12];
        who[..4].copy_from_slice(&frame.process.slot.to_ne_bytes());
        who[4..].copy_from_slice(&call.arguments[0].to_ne_bytes());
        let at = self.hash.of(&who);
        let mut end = [0u8; 30];
        end[..12].copy_from_slice(&who);
        match address {
            IpAddr::V4(it) => end[12..16].copy_from_slice(&it.octets()),
            IpAddr::V6(it) => end[12..28].copy_from_slice(&it.octets()),
        }
        end[28..].copy_from_slice(&port.to_ne_bytes());
        let mark = self.hash.of(&end) | 1;
        let at = usize::try_from(at % RECENT as u64).unwrap_or_default();
        match self.recent.get_mut(at) {
            Some(place) if *place == mark => false,
            Some(place) => {
                *place = mark;
                true
            }
            None => true,
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Path<'r> {
    Given(&'r [u8]),
    Joined,
}

impl<'r> Path<'r> {
    fn of<'s>(self, joined: &'s [u8]) -> &'s [u8]
    where
        'r: 's,
    {
        match self {
            Self::Given(path) => path,
            Self::Joined => joined,
        }
    }
}

/// No part of it is to be taken out.
fn is_tidy(path: &[u8]) -> bool {
    let has_dots = memchr::memmem::find(path, b"/.").is_some();
    !has_dots && memchr::memmem::find(path, b"//").is_none()
}

fn written(from: usize, text: &[u8]) -> Text<'static> {
    let place = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    Text::Written(place(from), place(text.len()))
}

fn texts<'t>(
    items: &Items<'t>,
    text: &'t [u8],
    first: &'t [u8],
    second: &'t [u8],
) -> ([Argument<'t>; MAX_ARGUMENTS], usize) {
    let arguments = items.items.map(|item| Argument {
        name: item.name,
        text: match item.text {
            Text::Given(text) => text,
            Text::Word(word) => word.as_bytes(),
            Text::Written(from, to) => {
                let range: Range<usize> = from as usize..to as usize;
                text.get(range).unwrap_or_default()
            }
            Text::First => first,
            Text::Second => second,
        },
        raw: item.raw,
    });
    (arguments, items.count)
}

/// What the descriptor of a call is.
fn kind_of(call: &Call<'_>) -> Option<DescriptorKind> {
    if let Some(socket) = &call.socket {
        let end = socket.remote.or(socket.local);
        return Some(match (end, call.descriptor) {
            (Some((address, _)), _) if address.is_ipv4() => DescriptorKind::Ipv4,
            (Some(_), _) => DescriptorKind::Ipv6,
            (None, Some(kind)) => kind,
            (None, None) if !socket.path.is_empty() => DescriptorKind::Unix,
            (None, None) => DescriptorKind::Unknown,
        });
    }
    if !call::has_descriptor(call) {
        return None;
    }
    let is_folder = call
        .file
        .as_ref()
        .is_some_and(|file| file.mode & FILE_TYPE == IS_FOLDER);
    match call.descriptor {
        Some(DescriptorKind::File) | None if is_folder => Some(DescriptorKind::Directory),
        Some(kind) => Some(kind),
        None => Some(DescriptorKind::File),
    }
}

fn upper(file: Option<&File>) -> Option<bool> {
    file.filter(|file| file.is_overlay)
        .map(|file| file.is_upper)
}

/// Whether an open made the file: it is asked to, and nothing tells that
/// the file was there before.
fn created(mut open: Open, call: &Call<'_>, time: i64) -> Open {
    const JUST: u64 = 1_000_000_000;
    if open.creates {
        open.creates = call.result >= 0
            && call.file.as_ref().is_none_or(|file| {
                file.size == 0
                    && file.modified == file.changed
                    && (file.changed == 0 || file.changed.abs_diff(time) < JUST)
            });
    }
    open
}

fn connection<'a>(
    call: &Call<'_>,
    kind: DescriptorKind,
    client_names: &'a [Bytes],
    server_names: &'a [Bytes],
) -> Option<Connection<'a>> {
    let socket = call.socket.as_ref()?;
    if !matches!(kind, DescriptorKind::Ipv4 | DescriptorKind::Ipv6) {
        return None;
    }
    let (client, server) = if socket.is_server {
        (socket.remote, socket.local)
    } else {
        (socket.local, socket.remote)
    };
    Some(Connection {
        client,
        server,
        protocol: socket.protocol,
        is_server: socket.is_server,
        is_connected: call::is_connected(call),
        client_names,
        server_names,
    })
}

fn resolved<'n>(
    socket: Option<&Socket<'_>>,
    names: &'n Names,
    place: Option<u32>,
) -> (&'n [Bytes], &'n [Bytes]) {
    let Some(socket) = socket else {
        return (&[], &[]);
    };
    let of = |end: Option<(IpAddr, u16)>| -> &[Bytes] {
        end.map_or(&[], |(address, _)| names.of(place, address))
    };
    // Our own address has no name that anybody would have looked up.
    if socket.is_server {
        (of(socket.remote), &[])
    } else {
        (&[], of(socket.remote))
    }
}

#[cfg(test)]
mod tests;
