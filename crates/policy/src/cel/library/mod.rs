//! The functions an expression may call: those of the language, of its
//! strings, sets and mathematics, and those Kubernetes adds. One table
//! says which there are.

use super::call::{Answer, Call};

mod collect;
pub(crate) mod convert;
pub(crate) mod format;
pub(crate) mod net;
mod operator;
pub(crate) mod quantity;
mod semver;
pub(crate) mod text;
mod time;

/// What a function is and how it is called.
#[derive(Debug)]
pub(crate) struct Function {
    pub(crate) name: &'static str,
    pub(crate) method: bool,
    /// How many arguments it takes, what it is called on among them.
    pub(crate) least: usize,
    pub(crate) most: usize,
    /// What it costs does not grow with what it is given, or it counts
    /// for itself.
    pub(crate) flat: bool,
    /// Its second argument is a regular expression.
    pub(crate) pattern: bool,
    pub(crate) call: for<'b, 'c, 'a> fn(&'b mut Call<'c, 'a>) -> Answer<'a>,
}

type Code = for<'b, 'c, 'a> fn(&'b mut Call<'c, 'a>) -> Answer<'a>;

const fn entry(
    name: &'static str,
    method: bool,
    least: usize,
    most: usize,
    call: Code,
) -> Function {
    Function {
        name,
        method,
        least,
        most,
        flat: false,
        pattern: false,
        call,
    }
}

/// A function called by its name alone.
const fn plain(name: &'static str, count: usize, call: Code) -> Function {
    entry(name, false, count, count, call)
}

/// A function called on a value, which is its first argument.
const fn method(name: &'static str, least: usize, most: usize, call: Code) -> Function {
    entry(name, true, least + 1, most + 1, call)
}

const fn flat(mut function: Function) -> Function {
    function.flat = true;
    function
}

const fn pattern(mut function: Function) -> Function {
    function.pattern = true;
    function
}

const TABLES: &[&[Function]] = &[
    operator::FUNCTIONS,
    convert::FUNCTIONS,
    text::FUNCTIONS,
    collect::FUNCTIONS,
    time::FUNCTIONS,
    quantity::FUNCTIONS,
    net::FUNCTIONS,
    semver::FUNCTIONS,
    format::FUNCTIONS,
];

/// Names that stand for types.
pub(crate) const TYPES: &[&str] = &[
    "bool",
    "bytes",
    "double",
    "google.protobuf.Duration",
    "google.protobuf.Timestamp",
    "int",
    "kubernetes.Quantity",
    "kubernetes.Semver",
    "kubernetes.URL",
    "list",
    "map",
    "net.CIDR",
    "net.IP",
    "null_type",
    "optional_type",
    "string",
    "type",
    "uint",
];

pub(crate) fn find(name: &str, method: bool, count: usize) -> Option<&'static Function> {
    TABLES.iter().copied().flatten().find(|function| {
        function.name == name
            && function.method == method
            && (function.least..=function.most).contains(&count)
    })
}

pub(crate) fn known(name: &str) -> bool {
    TABLES
        .iter()
        .copied()
        .flatten()
        .any(|function| function.name == name)
}
