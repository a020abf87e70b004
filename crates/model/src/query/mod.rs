//! The query grammar: one way to say which findings are meant, in the
//! dashboard's search box, the API's `q=`, the command line, the scope
//! of an exemption and the filter of a notification route.
//!
//! `severity:>=high kind:alert -ns:kube-system "reverse shell"`: terms
//! beside each other must all hold, `OR` and parentheses group, `-`
//! negates, a comma between values means any of them, `*` stands for
//! any run of characters. Case does not matter for the letters a to z.
//! `docs/reference/query.md` has all of it.
//!
//! Text becomes a [`Query`] or errors that say where and what was
//! perhaps meant; a query prints in one plainest form and decides, with
//! [`Query::matches`], about anything that is a [`Subject`]. The store
//! compiles the same tree to SQL; both must agree. Nothing here knows
//! SQL, and every text parses in bounded time to one of the two.

mod ast;
mod error;
mod event;
mod field;
mod lex;
mod notice;
mod parse;
mod pattern;
mod print;
mod subject;
mod time;
mod value;

#[cfg(test)]
mod laws;

pub use ast::{Condition, Node, Op, Person, Place, Query, Test};
pub use error::{QueryError, QueryErrors};
pub use field::{Catalogued, Field, FieldKind, Flag};
pub use notice::repository;
pub use pattern::{Label, Pattern};
pub use subject::{Asking, Subject};
pub use time::{Stretch, When};

/// The longest query, in bytes.
pub const MAX_LENGTH: usize = 4096;
/// The most terms in a query.
pub const MAX_TERMS: usize = 64;
/// The most values of all its fields together.
pub const MAX_VALUES: usize = 256;
/// How deep parentheses nest.
pub const MAX_DEPTH: usize = 16;
/// The most `*` in one value.
pub const MAX_WILDCARDS: usize = 8;
