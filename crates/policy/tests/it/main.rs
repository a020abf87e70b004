//! What policies say, from their documents on.

mod differential;
mod expressions;
mod hardening;
mod library;
mod load;
mod page;
mod suites;
