//! What an event answers to a field.
//!
//! A field may have no value, one, or several. Comparing follows Falco:
//!
//! * no value: no comparison holds, `!=` neither; `not` turns that round;
//! * several values of a list: `in` wants every one of them in the list,
//!   every other operator is content with one;
//! * several values of any other field (`proc.aname` without a number,
//!   both ends of `fd.ip`): one is enough; only `!=` on the ends of a
//!   connection, `fd.ip`, `fd.net`, `fd.port` and `fd.proto`, wants all.

use std::net::IpAddr;

use crate::{ast::Operator, field::Field};

/// One value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Mostly UTF-8; paths, arguments and buffers of system calls need not
    /// be.
    Text(&'a [u8]),
    Number(i64),
    Boolean(bool),
    Address(IpAddr),
}

/// Something that answers to fields: an event of either source.
pub trait Facts {
    /// Calls `each` with every value of a field; `argument` is what stands
    /// in the brackets. The slow way, by name: the engine resolves names
    /// once and asks directly.
    fn visit(&self, field: &Field, argument: Option<&str>, each: &mut dyn FnMut(Value<'_>));
}

/// Whether every value has to pass a comparison, where there are several.
pub fn wants_all(field: &Field, operator: Operator) -> bool {
    match operator {
        Operator::In => field.is_list,
        Operator::NotEqual => is_either_end(field.name),
        _ => false,
    }
}

fn is_either_end(name: &str) -> bool {
    matches!(name, "fd.ip" | "fd.net" | "fd.port" | "fd.proto")
}

impl Value<'_> {
    /// As people read it, and as text compares.
    pub fn to_text(&self) -> String {
        match self {
            Self::Text(text) => String::from_utf8_lossy(text).into_owned(),
            Self::Number(number) => number.to_string(),
            Self::Boolean(truth) => truth.to_string(),
            Self::Address(address) => address.to_string(),
        }
    }
}
