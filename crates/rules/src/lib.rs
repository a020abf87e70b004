//! Does this event match a rule? The rule language, its content, and the
//! engine that runs it.
//!
//! Rule files are Falco's language with keys of our own under `seawall:`.
//! [`Loader`] reads them; what it does not understand comes back as
//! [`Diagnostic`]s. [`parse`] reads a condition into [`ast`], [`print`]
//! writes it again; [`rule`] is what is left when lists, macros, exceptions
//! and overrides are resolved, [`field`] the vocabulary of each source.
//! Events and time are arguments: this room does not know who made an
//! event, does no input or output but reading what is embedded, and asks
//! no clock.

pub mod ast;
pub mod audit;
pub mod cases;
pub mod content;
pub mod diagnostic;
pub mod docs;
pub mod engine;
pub mod events;
pub mod field;
mod load;
pub mod output;
pub mod parse;
pub mod print;
pub mod reference;
pub mod rule;
mod suggest;
pub mod syscall;
pub mod value;
mod yaml;

pub use diagnostic::Diagnostic;
pub use load::{ENGINE, Loader};
