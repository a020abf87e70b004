//! All talk with a container host.
