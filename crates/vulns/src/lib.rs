//! Vulnerabilities: which advisories hit these packages.

pub mod version;
