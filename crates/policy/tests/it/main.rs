//! What policies say, from their documents on.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![expect(clippy::print_stderr, reason = "a test that is skipped says so")]

mod differential;
mod expressions;
mod hardening;
mod library;
mod load;
mod page;
mod suites;
