//! What policies say, from their documents on.

mod differential;
mod library;
mod load;
mod suites;
