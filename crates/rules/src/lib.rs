//! Does this event match a rule? The rule language, its content, and the
//! engine that runs it.
//!
//! Rule files are Falco's language with keys of our own under `seawall:`.
//! [`ast`] is a file as written, [`rule`] what is left when lists, macros,
//! exceptions and overrides are resolved, [`field`] the vocabulary of each
//! source. Events and time are arguments: this room does not know who made
//! an event, does no input or output but reading what is embedded, and asks
//! no clock.

pub mod ast;
pub mod audit;
pub mod field;
pub mod rule;
pub mod value;
