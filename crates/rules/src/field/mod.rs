//! The fields a condition may ask of an event: one table per source.

use std::{fmt, sync::LazyLock};

mod k8s_audit;
mod syscall;

/// Where events come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Source {
    /// The kernel of a node.
    Syscall,
    /// The audit log of a Kubernetes API server.
    K8sAudit,
}

impl Source {
    pub const ALL: [Self; 2] = [Self::Syscall, Self::K8sAudit];

    /// As rule files spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Syscall => "syscall",
            Self::K8sAudit => "k8s_audit",
        }
    }

    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|each| each.as_str() == word)
    }

    /// Its vocabulary, sorted by name.
    pub fn fields(self) -> &'static [Field] {
        static SYSCALL: LazyLock<Vec<Field>> = LazyLock::new(|| sorted(syscall::fields()));
        static K8S_AUDIT: LazyLock<Vec<Field>> = LazyLock::new(|| sorted(k8s_audit::fields()));
        match self {
            Self::Syscall => &SYSCALL,
            Self::K8sAudit => &K8S_AUDIT,
        }
    }

    /// A field by its name, without argument.
    pub fn field(self, name: &str) -> Option<&'static Field> {
        let fields = self.fields();
        let at = fields.binary_search_by(|field| field.name.cmp(name)).ok()?;
        fields.get(at)
    }
}

fn sorted(mut fields: Vec<Field>) -> Vec<Field> {
    fields.sort_unstable_by_key(|field| field.name);
    fields
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    Text,
    Path,
    Number,
    Boolean,
    /// Nanoseconds.
    Time,
    Address,
    /// Compared with networks in CIDR form.
    Network,
    Port,
}

/// Whether a field takes an argument in brackets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Argument {
    None,
    Optional,
    Required,
}

/// What has to be recorded for a field to have a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Needs {
    /// The event alone: audit level `Metadata` is enough.
    Event,
    /// What was asked for: audit level `Request`.
    RequestBody,
    /// What was answered: audit level `RequestResponse`.
    ResponseBody,
}

/// One field of a source's vocabulary.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Field {
    pub name: &'static str,
    pub kind: Kind,
    /// Has any number of values: compared by `intersects`, `in`.
    pub is_list: bool,
    pub argument: Argument,
    /// What it is, in one sentence.
    pub doc: &'static str,
    pub needs: Needs,
    /// No other tool knows it.
    pub is_ours: bool,
}

impl Field {
    /// What has to be recorded for it to have a value, given what stands
    /// in its brackets.
    pub fn needs_for(&self, argument: Option<&str>) -> Needs {
        match argument {
            Some(pointer) if pointer.starts_with("/requestObject") => Needs::RequestBody,
            Some(pointer) if pointer.starts_with("/responseObject") => Needs::ResponseBody,
            _ => self.needs,
        }
    }
}

/// Builders for the tables.
impl Field {
    const fn new(name: &'static str, kind: Kind, doc: &'static str) -> Self {
        Self {
            name,
            kind,
            is_list: false,
            argument: Argument::None,
            doc,
            needs: Needs::Event,
            is_ours: false,
        }
    }

    const fn list(mut self) -> Self {
        self.is_list = true;
        self
    }

    const fn argument(mut self, argument: Argument) -> Self {
        self.argument = argument;
        self
    }

    const fn needs(mut self, needs: Needs) -> Self {
        self.needs = needs;
        self
    }

    const fn ours(mut self) -> Self {
        self.is_ours = true;
        self
    }
}

/// Fields of any event, whoever made it.
fn of_any_event() -> Vec<Field> {
    use Kind::{Boolean, Number, Text, Time};
    vec![
        Field::new(
            "evt.num",
            Number,
            "The number of the event since the start; never 0.",
        ),
        Field::new(
            "evt.time",
            Text,
            "Time of day of the event, with nanoseconds.",
        ),
        Field::new(
            "evt.time.s",
            Text,
            "Time of day of the event, in whole seconds.",
        ),
        Field::new(
            "evt.time.iso8601",
            Text,
            "Date and time of the event in RFC 3339 form.",
        ),
        Field::new(
            "evt.datetime",
            Text,
            "Date and time of the event, with nanoseconds.",
        ),
        Field::new(
            "evt.datetime.s",
            Text,
            "Date and time of the event, in whole seconds.",
        ),
        Field::new(
            "evt.rawtime",
            Time,
            "When the event happened, in nanoseconds since 1970.",
        ),
        Field::new(
            "evt.rawtime.s",
            Time,
            "When the event happened, the seconds since 1970.",
        ),
        Field::new(
            "evt.rawtime.ns",
            Time,
            "The nanoseconds within the second of the event.",
        ),
        Field::new(
            "evt.source",
            Text,
            "The name of the source: `syscall` or `k8s_audit`.",
        ),
        Field::new("evt.hostname", Text, "The host that reported the event."),
        Field::new(
            "evt.pluginname",
            Text,
            "The plugin an event came by; here the source's name.",
        ),
        Field::new(
            "evt.plugininfo",
            Text,
            "A short form of the event as its source tells it.",
        ),
        Field::new(
            "evt.is_async",
            Boolean,
            "Whether the event was not in the stream of its source.",
        ),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_documented() {
        for source in Source::ALL {
            let fields = source.fields();
            for pair in fields.windows(2) {
                assert!(
                    pair[0].name < pair[1].name,
                    "{} is twice in {source}",
                    pair[1].name
                );
            }
            for field in fields {
                assert!(
                    field.doc.ends_with('.') && field.doc.len() > 8,
                    "{} has no sentence",
                    field.name
                );
                assert_eq!(source.field(field.name), Some(field));
            }
        }
    }

    #[test]
    fn both_vocabularies_are_whole() {
        assert!(
            Source::K8sAudit
                .fields()
                .iter()
                .filter(|field| !field.is_ours)
                .count()
                >= 110
        );
        assert!(Source::Syscall.fields().len() >= 240);
        assert!(Source::Syscall.field("proc.nmae").is_none());
        assert!(Source::Syscall.field("ka.verb").is_none());
    }
}
