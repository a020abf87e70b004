//! The command as its users run it, against what its users have: real
//! Debian systems, a real registry, real container engines, other
//! people's validators.

mod debian;
mod program;
mod sources;
