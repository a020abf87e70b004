//! The nouns against the specifications that define them.

mod purl;
