//! What policies say, from their documents on.

mod differential;
mod expressions;
mod library;
mod load;
mod suites;
