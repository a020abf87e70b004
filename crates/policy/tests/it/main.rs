//! What policies say, from their documents on.

mod library;
