//! Where each field of the vocabulary is in an event.

use std::borrow::Cow;

use base64::{Engine as _, engine::general_purpose::STANDARD};

mod resolve;

use super::{Event, Kind, Top};
use crate::{
    field::Field,
    value::{Facts, Value},
};

type Keys = &'static [&'static str];

/// A field with its argument, resolved once when rules are compiled.
#[derive(Clone, Debug)]
pub(crate) enum Extractor {
    Top(Top),
    /// Keys from the top; lists on the way are gone through, `index` picks
    /// one element of the first.
    Walk {
        from: Top,
        keys: Box<[&'static str]>,
        index: Option<usize>,
        leaf: Leaf,
    },
    /// The same from the pod, wherever the body keeps it.
    Pod {
        keys: Keys,
        leaf: Leaf,
    },
    /// The same from each container of each list of the pod.
    Containers {
        keys: Keys,
        leaf: Leaf,
    },
    /// A key with any name, below fixed ones.
    Key {
        from: Top,
        keys: Keys,
        key: String,
        leaf: Leaf,
    },
    /// A JSON pointer; `None` stands for each.
    Pointer(Vec<Option<String>>),
    Parameter(String),
    Subjects {
        kind: &'static str,
        has_namespace: bool,
    },
    /// What a container says, else what the pod says, else 0.
    Effective {
        list: Option<&'static str>,
        key: &'static str,
        index: Option<usize>,
    },
    MadePod,
    AnyPrivileged,
    HostPath(String),
    ServiceAccount,
    RequestName,
    PatchOperations(&'static str),
    WebhookServices,
    Certificate(&'static [u8]),
    Json,
    /// Nanoseconds, and what to divide them by.
    Time(i64),
    TimeText(TimeForm),
    Fixed(&'static str),
    Nothing,
}

/// What of a value is wanted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Leaf {
    /// The value itself.
    Text,
    /// Each of a list.
    Each,
    /// All of a list, joined by blanks.
    Joined,
    /// An image without tag and digest.
    Repository,
    /// Keys of an object.
    Keys,
    /// Keys of a volume but its name: what sort it is.
    VolumeType,
    /// Ports of the host, else of the container.
    Ports,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum TimeForm {
    Clock { with_fraction: bool },
    Date { with_fraction: bool },
    Rfc3339,
}

const LISTS: [&str; 3] = ["containers", "initContainers", "ephemeralContainers"];

type Each<'f> = &'f mut dyn FnMut(Value<'_>);

impl Facts for Event<'_> {
    fn visit(&self, field: &Field, argument: Option<&str>, each: Each<'_>) {
        self.extract(&Extractor::new(field.name, argument), each);
    }
}

fn say(text: &str, each: Each<'_>) {
    each(Value::Text(text.as_bytes()));
}

impl Event<'_> {
    /// Calls `each` with every value there is.
    pub(crate) fn extract(&self, extractor: &Extractor, each: Each<'_>) {
        match extractor {
            Extractor::Top(top) => {
                if let Some(at) = self.top(*top) {
                    self.leaf(at, Leaf::Text, each);
                }
            }
            Extractor::Walk {
                from,
                keys,
                index,
                leaf,
            } => {
                if let Some(at) = self.top(*from) {
                    self.walk(at, keys, *index, *leaf, each);
                }
            }
            Extractor::Pod { keys, leaf } => {
                if let Some(pod) = self.pod() {
                    self.walk(pod, keys, None, *leaf, each);
                    if **keys == ["tolerations", "key"] {
                        self.tolerates_all(pod, each);
                    }
                }
            }
            Extractor::Containers { keys, leaf } => {
                for container in self.containers(None) {
                    self.walk(container, keys, None, *leaf, each);
                }
            }
            Extractor::Key {
                from,
                keys,
                key,
                leaf,
            } => {
                let mut at = self.top(*from);
                for step in keys.iter().copied().chain([key.as_str()]) {
                    at = at.and_then(|at| self.get(at, step));
                }
                if let Some(at) = at {
                    self.leaf(at, *leaf, each);
                }
            }
            Extractor::Pointer(steps) => self.point(0, steps, each),
            Extractor::Parameter(name) => {
                if let Some(uri) = self.request_uri()
                    && let Some(value) = parameter(&uri, name)
                {
                    say(&value, each);
                }
            }
            Extractor::Subjects {
                kind,
                has_namespace,
            } => self.subjects(kind, *has_namespace, each),
            Extractor::Effective { list, key, index } => self.effective(*list, key, *index, each),
            Extractor::MadePod => {
                if self.resource().as_deref() == Some("pods")
                    && self.subresource().is_none()
                    && let Some(answer) = self.top(Top::ResponseObject)
                {
                    self.walk(answer, &["metadata", "name"], None, Leaf::Text, each);
                }
            }
            Extractor::AnyPrivileged => {
                let spec = self
                    .top(Top::RequestObject)
                    .and_then(|body| self.get(body, "spec"))
                    .and_then(|spec| self.get(spec, "containers"));
                if let Some(list) = spec {
                    let mut any = false;
                    self.walk(
                        list,
                        &["securityContext", "privileged"],
                        None,
                        Leaf::Text,
                        &mut |value| any |= value == Value::Text(b"true"),
                    );
                    say(if any { "true" } else { "false" }, each);
                }
            }
            Extractor::HostPath(wanted) => {
                let Some(body) = self.top(Top::RequestObject) else {
                    return;
                };
                let keys: Keys = &["spec", "volumes", "hostPath", "path"];
                let mut found = None;
                self.walk(body, keys, None, Leaf::Text, &mut |value| {
                    if let Value::Text(path) = value {
                        let is_it = match wanted.strip_suffix('*') {
                            Some(prefix) => path.starts_with(prefix.as_bytes()),
                            None => path == wanted.as_bytes(),
                        };
                        found = Some(found == Some(true) || is_it);
                    }
                });
                if let Some(found) = found {
                    say(if found { "true" } else { "false" }, each);
                }
            }
            Extractor::ServiceAccount => {
                if let Some(user) = self.user()
                    && let Some(account) = user.strip_prefix("system:serviceaccount:")
                {
                    say(account, each);
                }
            }
            Extractor::RequestName => {
                if let Some(body) = self.top(Top::RequestObject)
                    && let Some(name) = self
                        .text_at(body, &["metadata", "name"])
                        .or_else(|| self.text_at(body, &["metadata", "generateName"]))
                {
                    say(&name, each);
                }
            }
            Extractor::PatchOperations(key) => {
                if let Some(body) = self.top(Top::RequestObject)
                    && self.node(body).is_some_and(|node| node.kind == Kind::List)
                {
                    for operation in self.elements(body) {
                        if let Some(value) = self.get(operation, key) {
                            self.leaf(value, Leaf::Text, each);
                        }
                    }
                }
            }
            Extractor::WebhookServices => self.webhook_services(each),
            Extractor::Certificate(attribute) => {
                if let Some(body) = self.top(Top::RequestObject)
                    && let Some(request) = self.text_at(body, &["spec", "request"])
                {
                    certificate_names(&request, attribute, each);
                }
            }
            Extractor::Json => say(self.text, each),
            Extractor::Time(divisor) => each(Value::Number(self.nanoseconds(*divisor))),
            Extractor::TimeText(form) => {
                if let Some(time) = self.time() {
                    say(&form.write(time), each);
                }
            }
            Extractor::Fixed(text) => say(text, each),
            Extractor::Nothing => {}
        }
    }

    /// 1 where the event has no time: it exists and is not 0.
    fn nanoseconds(&self, divisor: i64) -> i64 {
        let Some(time) = self.time() else { return 1 };
        if divisor < 0 {
            return i64::from(time.subsec_nanosecond());
        }
        i64::try_from(time.as_nanosecond()).map_or(i64::MAX, |it| it / divisor)
    }

    fn leaf(&self, at: u32, leaf: Leaf, each: Each<'_>) {
        let Some(node) = self.node(at) else { return };
        match leaf {
            Leaf::Text => {
                if let Some(text) = self.text(at) {
                    say(&text, each);
                }
            }
            Leaf::Each if node.kind == Kind::List => {
                for element in self.elements(at) {
                    self.leaf(element, Leaf::Text, each);
                }
            }
            Leaf::Each => self.leaf(at, Leaf::Text, each),
            Leaf::Joined => {
                let words: Vec<_> = self.elements(at).filter_map(|it| self.text(it)).collect();
                if !words.is_empty() {
                    say(&words.join(" "), each);
                }
            }
            Leaf::Repository => {
                if let Some(image) = self.text(at) {
                    say(repository(&image), each);
                }
            }
            Leaf::Keys | Leaf::VolumeType => {
                for (key, _) in self.members(at) {
                    let key = self.slice(key);
                    if !(matches!(leaf, Leaf::VolumeType) && key == "name") {
                        say(&key, each);
                    }
                }
            }
            Leaf::Ports => {
                for port in self.elements(at) {
                    let number = self
                        .get(port, "hostPort")
                        .or_else(|| self.get(port, "containerPort"));
                    if let Some(number) = number {
                        self.leaf(number, Leaf::Text, each);
                    }
                }
            }
        }
    }

    fn walk(&self, at: u32, keys: &[&str], index: Option<usize>, leaf: Leaf, each: Each<'_>) {
        let Some(node) = self.node(at) else { return };
        if node.kind == Kind::List && (!keys.is_empty() || matches!(leaf, Leaf::VolumeType)) {
            for (number, element) in self.elements(at).enumerate() {
                if index.is_none_or(|wanted| wanted == number) {
                    self.walk(element, keys, None, leaf, each);
                }
            }
            return;
        }
        if node.kind == Kind::List
            && let Some(wanted) = index
        {
            if let Some(element) = self.elements(at).nth(wanted) {
                self.leaf(element, leaf, each);
            }
            return;
        }
        match keys.split_first() {
            None => self.leaf(at, leaf, each),
            Some((key, rest)) => {
                if let Some(value) = self.get(at, key) {
                    self.walk(value, rest, index, leaf, each);
                }
            }
        }
    }

    fn point(&self, at: u32, steps: &[Option<String>], each: Each<'_>) {
        let Some((step, rest)) = steps.split_first() else {
            self.leaf(at, Leaf::Text, each);
            return;
        };
        let is_list = self.node(at).is_some_and(|node| node.kind == Kind::List);
        match step {
            Some(key) if is_list => {
                if let Ok(number) = key.parse()
                    && let Some(element) = self.elements(at).nth(number)
                {
                    self.point(element, rest, each);
                }
            }
            Some(key) => {
                if let Some(value) = self.get(at, key) {
                    self.point(value, rest, each);
                }
            }
            None if is_list => {
                for element in self.elements(at) {
                    self.point(element, rest, each);
                }
            }
            None => {
                for (_, value) in self.members(at) {
                    self.point(value, rest, each);
                }
            }
        }
    }

    /// The pod: the object itself, the template of a workload or job, or
    /// that within the template of a cron job.
    fn pod(&self) -> Option<u32> {
        let body = self.top(Top::RequestObject)?;
        let spec = self.get(body, "spec");
        let template = |of: u32| self.get(self.get(of, "template")?, "spec");
        if let Some(spec) = spec {
            if let Some(job) = self.get(spec, "jobTemplate") {
                return template(self.get(job, "spec")?);
            }
            return template(spec).or(Some(spec));
        }
        template(body)
    }

    fn containers(&self, only: Option<&'static str>) -> impl Iterator<Item = u32> + '_ {
        let pod = match only {
            Some(_) => self
                .top(Top::RequestObject)
                .and_then(|body| self.get(body, "spec")),
            None => self.pod(),
        };
        LISTS
            .into_iter()
            .filter(move |list| only.is_none_or(|only| only == *list))
            .filter_map(move |list| self.get(pod?, list))
            .flat_map(|list| self.elements(list))
    }

    fn tolerates_all(&self, pod: u32, each: Each<'_>) {
        for toleration in self
            .get(pod, "tolerations")
            .into_iter()
            .flat_map(|list| self.elements(list))
        {
            let is_any = self.get(toleration, "key").is_none()
                && self.text_at(toleration, &["operator"]).as_deref() == Some("Exists");
            if is_any {
                say("*", each);
            }
        }
    }

    fn subjects(&self, kind: &str, has_namespace: bool, each: Each<'_>) {
        let list = self
            .top(Top::RequestObject)
            .and_then(|body| self.get(body, "subjects"));
        for subject in list.into_iter().flat_map(|list| self.elements(list)) {
            if self.text_at(subject, &["kind"]).as_deref() != Some(kind) {
                continue;
            }
            let Some(name) = self.text_at(subject, &["name"]) else {
                continue;
            };
            if !has_namespace {
                say(&name, each);
            } else if let Some(namespace) = self.text_at(subject, &["namespace"]) {
                say(&format!("{namespace}:{name}"), each);
            }
        }
    }

    fn effective(
        &self,
        list: Option<&'static str>,
        key: &str,
        index: Option<usize>,
        each: Each<'_>,
    ) {
        let pod = match list {
            Some(_) => self
                .top(Top::RequestObject)
                .and_then(|body| self.get(body, "spec")),
            None => self.pod(),
        };
        let of_pod = pod.and_then(|pod| self.text_at(pod, &["securityContext", key]));
        for (number, container) in self.containers(list).enumerate() {
            if index.is_some_and(|wanted| wanted != number) {
                continue;
            }
            let own = self.text_at(container, &["securityContext", key]);
            let id = own.as_deref().or(of_pod.as_deref()).unwrap_or("0");
            say(id, each);
        }
    }

    fn webhook_services(&self, each: Each<'_>) {
        let list = self
            .top(Top::RequestObject)
            .and_then(|body| self.get(body, "webhooks"));
        for webhook in list.into_iter().flat_map(|list| self.elements(list)) {
            let service = self
                .get(webhook, "clientConfig")
                .and_then(|config| self.get(config, "service"));
            if let Some(service) = service
                && let Some(name) = self.text_at(service, &["name"])
            {
                let namespace = self.text_at(service, &["namespace"]).unwrap_or_default();
                say(&format!("{namespace}/{name}"), each);
            }
        }
    }
}

impl TimeForm {
    pub(crate) fn write(self, time: jiff::Timestamp) -> String {
        let form = match self {
            Self::Rfc3339 => return time.to_string(),
            Self::Clock {
                with_fraction: true,
            } => "%H:%M:%S.%9f",
            Self::Clock { .. } => "%H:%M:%S",
            Self::Date {
                with_fraction: true,
            } => "%Y-%m-%d %H:%M:%S.%9f",
            Self::Date { .. } => "%Y-%m-%d %H:%M:%S",
        };
        time.strftime(form).to_string()
    }
}

/// An image without tag and digest; a port of the registry is no tag.
fn repository(image: &str) -> &str {
    let image = image.split_once('@').map_or(image, |(name, _)| name);
    match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => name,
        _ => image,
    }
}

/// The first value of a query parameter.
fn parameter<'a>(uri: &'a str, name: &str) -> Option<Cow<'a, str>> {
    let (_, query) = uri.split_once('?')?;
    query
        .split('&')
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .find(|(key, _)| decode(key) == name)
        .map(|(_, value)| decode(value))
}

fn decode(text: &str) -> Cow<'_, str> {
    if !text.contains(['%', '+']) {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, after)) = rest.split_first() {
        rest = after;
        let byte = match (first, after) {
            (b'+', _) => b' ',
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (other, _) => *other,
        };
        bytes.push(byte);
    }
    Cow::Owned(String::from_utf8_lossy(&bytes).into_owned())
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|it| u8::try_from(it).ok())
}

/// Names in the subject of a certificate request: PEM, itself in base64.
/// An attribute is its object identifier, then a string with its length;
/// nothing else in a request looks like that.
fn certificate_names(request: &str, attribute: &[u8], each: Each<'_>) {
    let Ok(pem) = STANDARD.decode(request) else {
        return;
    };
    let body: Vec<u8> = pem
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.starts_with(b"-"))
        .flatten()
        .copied()
        .filter(|byte| !byte.is_ascii_whitespace())
        .collect();
    let Ok(der) = STANDARD.decode(body) else {
        return;
    };
    let mut rest = der.as_slice();
    while let Some(at) = rest
        .windows(attribute.len())
        .position(|window| window == attribute)
    {
        rest = rest.get(at + attribute.len()..).unwrap_or_default();
        if let [0x0c | 0x13 | 0x14 | 0x16, length @ 0..0x80, text @ ..] = rest
            && let Some(text) = text.get(..usize::from(*length))
        {
            each(Value::Text(text));
        }
    }
}

#[cfg(test)]
mod tests;
