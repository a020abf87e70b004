//! The compiled form of all advisories: one immutable file.
//!
//! [`write`] turns OSV records into it once; [`read`] answers from it
//! through a memory map, without locks and without parsing, for as many
//! readers as like. What it takes to decide whether a package is
//! affected is small and lies together; the prose people read lies in
//! compressed blocks that are opened only when shown ([`prose`]).
//!
//! Invariant: a file is written whole, then named in `current` by one
//! rename. A reader that opened the old one keeps it.

#[cfg(test)]
mod laws;
pub(crate) mod layout;
pub(crate) mod link;
pub(crate) mod mark;
pub(crate) mod prose;
mod rating;
pub(crate) mod read;
mod span;
mod standing;
pub(crate) mod strings;
pub(crate) mod write;

pub(crate) use read::Generation;
pub(crate) use standing::is_distribution_bulletin;
pub(crate) use write::Compiler;
