//! All talk with a container host.

pub mod node;
