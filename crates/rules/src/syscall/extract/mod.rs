//! Where each field of the vocabulary is in an event.

use std::{io::Write as _, net::IpAddr};

use jiff::Timestamp;

mod readers;

use readers::reader;

use super::{Argument, Bytes, Connection, Container, Event, Kind, Mount, Pod, Process, errno};
use crate::{
    engine::Scope,
    field::Field,
    value::{Facts, Value},
};

pub(super) type Each<'f> = &'f mut dyn FnMut(Value<'_>);

type Read = fn(&Event<'_>, &Place, Each<'_>);

/// A field with its argument, resolved once when rules are compiled.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(super) name: &'static str,
    pub(super) argument: Option<Box<str>>,
    index: Option<usize>,
    read: Read,
}

impl Place {
    pub(crate) fn new(field: &Field, argument: Option<&str>) -> Self {
        Self {
            name: field.name,
            argument: argument.map(Into::into),
            index: argument.and_then(|it| it.parse().ok()),
            read: reader(field.name),
        }
    }

    fn key(&self) -> &[u8] {
        self.argument.as_deref().unwrap_or_default().as_bytes()
    }
}

/// Whether an event can answer to a field at all.
#[cfg(test)]
pub(super) fn is_read(name: &str) -> bool {
    readers::known(name).is_some()
}

/// How long an answer to a field is good for.
pub(crate) fn scope_of(name: &str) -> Scope {
    match name {
        "evt.type" | "evt.type.is" | "evt.category" | "evt.dir" | "evt.source"
        | "evt.pluginname" | "evt.is_async" | "evt.is_io" | "evt.is_io_read"
        | "evt.is_io_write" | "evt.io_dir" | "evt.is_wait" | "evt.count" | "evt.failed"
        | "evt.is_open_read" | "evt.is_open_write" | "fd.type" | "fd.typechar" => Scope::Sort,
        "proc.duration" | "proc.ppid.duration" | "container.duration" | "thread.tid"
        | "thread.vtid" | "thread.ismain" | "thread.nametid" => Scope::Event,
        _ if ["proc.", "thread.", "user.", "group.", "container.", "k8s."]
            .iter()
            .any(|prefix| name.starts_with(prefix)) =>
        {
            Scope::Process
        }
        _ => Scope::Event,
    }
}

impl Facts for Event<'_> {
    fn visit(&self, field: &Field, argument: Option<&str>, each: Each<'_>) {
        self.at(&Place::new(field, argument), each);
    }
}

impl Event<'_> {
    #[inline]
    pub(crate) fn at(&self, place: &Place, each: Each<'_>) {
        (place.read)(self, place, each);
    }
}

fn say(text: &[u8], each: Each<'_>) {
    if !text.is_empty() {
        each(Value::Text(text));
    }
}

fn truth(truth: bool, each: Each<'_>) {
    each(Value::Boolean(truth));
}

fn number(number: i64, each: Each<'_>) {
    each(Value::Number(number));
}

fn unsigned(value: u64, each: Each<'_>) {
    number(i64::try_from(value).unwrap_or(i64::MAX), each);
}

fn joined(parts: &[Bytes], each: Each<'_>) {
    if !parts.is_empty() {
        say(&parts.join(&b' '), each);
    }
}

fn command_line(process: &Process, each: Each<'_>) {
    let mut line = process.name.to_vec();
    for argument in &process.arguments {
        line.push(b' ');
        line.extend_from_slice(argument);
    }
    say(&line, each);
}

/// Of one ancestor where a number is given, of each where none is.
fn ancestors(event: &Event<'_>, place: &Place, each: Each<'_>, read: fn(&Process, Each<'_>)) {
    match (place.index, &place.argument) {
        (Some(number), _) => {
            if let Some(process) = event.process.ancestor(number) {
                read(process, each);
            }
        }
        (None, None) => {
            for process in event.process.ancestors() {
                read(process, each);
            }
        }
        _ => {}
    }
}

fn parent(event: &Event<'_>, each: Each<'_>, read: fn(&Process, Each<'_>)) {
    if let Some(parent) = &event.process.parent {
        read(parent, each);
    }
}

fn leader(leader: Option<&Process>, each: Each<'_>, read: fn(&Process, Each<'_>)) {
    if let Some(leader) = leader {
        read(leader, each);
    }
}

fn environment(process: &Process, place: &Place, each: Each<'_>) {
    if place.argument.is_none() {
        return joined(&process.environment, each);
    }
    let key = place.key();
    for pair in &process.environment {
        if let Some(value) = pair
            .strip_prefix(key)
            .and_then(|rest| rest.strip_prefix(b"="))
        {
            say(value, each);
        }
    }
}

fn container(event: &Event<'_>, each: Each<'_>, read: fn(&Container, Each<'_>)) {
    if let Some(container) = &event.process.container {
        read(container, each);
    }
}

fn pod(event: &Event<'_>, each: Each<'_>, read: fn(&Pod, Each<'_>)) {
    let container = event.process.container.as_deref();
    if let Some(pod) = container.and_then(|it| it.pod.as_ref()) {
        read(pod, each);
    }
}

fn label(labels: &[(Bytes, Bytes)], key: &[u8], each: Each<'_>) {
    for (_, value) in labels.iter().filter(|(name, _)| **name == *key) {
        say(value, each);
    }
}

fn labels(labels: &[(Bytes, Bytes)], each: Each<'_>) {
    let parts: Vec<_> = labels
        .iter()
        .map(|(name, value)| [name, b":".as_slice(), value].concat())
        .collect();
    say(&parts.join(b", ".as_slice()), each);
}

/// A mount by its number, or by one of its ends as a pattern.
fn mount(event: &Event<'_>, place: &Place, each: Each<'_>, read: fn(&Mount, Each<'_>)) {
    let Some(container) = &event.process.container else {
        return;
    };
    if let Some(index) = place.index {
        if let Some(mount) = container.mounts.get(index) {
            read(mount, each);
        }
        return;
    }
    let by_source = !matches!(place.name, "container.mount" | "container.mount.source");
    let found = container.mounts.iter().find(|mount| {
        let end = if by_source {
            &mount.source
        } else {
            &mount.destination
        };
        crate::engine::glob(place.key(), end)
    });
    if let Some(mount) = found {
        read(mount, each);
    }
}

fn mount_text(mount: &Mount) -> Vec<u8> {
    let writable: &[u8] = if mount.is_writable { b"true" } else { b"false" };
    [
        &*mount.source,
        &*mount.destination,
        &*mount.mode,
        writable,
        &*mount.propagation,
    ]
    .join(b":".as_slice())
}

fn argument<'e>(event: &Event<'e>, place: &Place) -> Option<Argument<'e>> {
    if let Some(index) = place.index {
        return event.arguments.all().get(index).copied();
    }
    let name = place
        .name
        .strip_prefix("evt.arg.")
        .or_else(|| place.name.strip_prefix("evt.rawarg."));
    let name = name.map_or_else(|| place.key(), str::as_bytes);
    let all = event.arguments.all();
    all.iter().copied().find(|it| it.name.as_bytes() == name)
}

fn connection<'e>(event: &Event<'e>) -> Option<Connection<'e>> {
    event.descriptor.and_then(|it| it.connection)
}

fn local(of: &Connection<'_>) -> Option<(IpAddr, u16)> {
    if of.is_server { of.server } else { of.client }
}

fn remote(of: &Connection<'_>) -> Option<(IpAddr, u16)> {
    if of.is_server { of.client } else { of.server }
}

type End = fn(&Connection<'_>) -> Option<(IpAddr, u16)>;

fn address(event: &Event<'_>, each: Each<'_>, end: End) {
    if let Some((address, _)) = connection(event).as_ref().and_then(end) {
        each(Value::Address(address));
    }
}

fn port(event: &Event<'_>, each: Each<'_>, end: End) {
    if let Some((_, port)) = connection(event).as_ref().and_then(end) {
        number(i64::from(port), each);
    }
}

fn names(names: &[Bytes], each: Each<'_>) {
    for name in names {
        say(name, each);
    }
}

/// `10.0.0.1:1234->10.0.0.2:443`, without allocating.
fn descriptor_name(event: &Event<'_>, each: Each<'_>) {
    let Some(descriptor) = event.descriptor else {
        return;
    };
    let Some(connection) = descriptor.connection.filter(|_| descriptor.name.is_empty()) else {
        return say(descriptor.name, each);
    };
    let mut text = [0u8; 160];
    let room = text.len();
    let mut rest = text.as_mut_slice();
    // 160 bytes hold any two addresses with their ports.
    _ = match (connection.client, connection.server) {
        (Some((client, from)), Some((server, to))) => {
            write!(rest, "{client}:{from}->{server}:{to}")
        }
        (None, Some((end, port))) | (Some((end, port)), None) => write!(rest, "{end}:{port}"),
        (None, None) => Ok(()),
    };
    let used = room - rest.len();
    say(text.get(..used).unwrap_or_default(), each);
}

fn folder(path: &[u8]) -> &[u8] {
    match path.iter().rposition(|byte| *byte == b'/') {
        Some(0) => b"/",
        Some(at) => path.get(..at).unwrap_or_default(),
        None => b"",
    }
}

fn last_part(path: &[u8]) -> &[u8] {
    let from = path
        .iter()
        .rposition(|byte| *byte == b'/')
        .map_or(0, |at| at + 1);
    path.get(from..).unwrap_or_default()
}

fn file_name<'e>(event: &Event<'e>) -> Option<&'e [u8]> {
    event
        .descriptor
        .filter(|it| it.connection.is_none())
        .map(|it| it.name)
}

/// What a file operation is about: one of its arguments, else its file.
fn path(event: &Event<'_>, wanted: &[&str], is_raw: bool, each: Each<'_>) {
    for name in wanted {
        if let Some(argument) = event.arguments.named(name) {
            if is_raw || argument.text.starts_with(b"/") {
                return say(argument.text, each);
            }
            let mut whole = event.process.working_folder.to_vec();
            if !whole.ends_with(b"/") {
                whole.push(b'/');
            }
            whole.extend_from_slice(argument.text);
            return say(&whole, each);
        }
    }
    if wanted.contains(&"path")
        && let Some(descriptor) = event.descriptor
    {
        say(
            if is_raw {
                descriptor.raw_name
            } else {
                descriptor.name
            },
            each,
        );
    }
}

/// Calls with one path: most of all events, of which rules ask for both.
fn is_open(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Open | Kind::Openat | Kind::Openat2 | Kind::Creat | Kind::OpenByHandleAt
    )
}

fn source_path(event: &Event<'_>, is_raw: bool, each: Each<'_>) {
    let wanted: &[&str] = match event.kind {
        Kind::Link | Kind::Linkat => &["newpath"],
        Kind::Symlink | Kind::Symlinkat => &["linkpath"],
        _ if is_open(event.kind) => return,
        _ => &["oldpath", "source"],
    };
    path(event, wanted, is_raw, each);
}

fn target_path(event: &Event<'_>, is_raw: bool, each: Each<'_>) {
    let wanted: &[&str] = match event.kind {
        Kind::Link | Kind::Linkat => &["oldpath"],
        Kind::Symlink | Kind::Symlinkat => &["target"],
        _ if is_open(event.kind) => return,
        _ => &["newpath", "dir"],
    };
    path(event, wanted, is_raw, each);
}

fn time(event: &Event<'_>, form: &str, each: Each<'_>) {
    if let Ok(time) = Timestamp::from_nanosecond(i128::from(event.time)) {
        say(time.strftime(form).to_string().as_bytes(), each);
    }
}

fn short(id: &[u8]) -> &[u8] {
    id.get(..12).unwrap_or(id)
}
