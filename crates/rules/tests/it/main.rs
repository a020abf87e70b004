//! The rule language from outside: whole files in, resolved rules out.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod content;
mod differential;
mod falco_cases;
mod language;
mod lint;
mod mistakes;
mod recorded;
mod reference;
mod replay;
mod sessions;
mod stock;
