//! The fields a condition may ask of an event: one table per source.

use std::fmt;

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
        &[]
    }

    /// A field by its name, without argument.
    pub fn field(self, name: &str) -> Option<&'static Field> {
        self.fields().iter().find(|field| field.name == name)
    }
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
}
