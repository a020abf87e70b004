//! Vulnerabilities: which advisories hit these packages.

pub mod cvss;
pub mod version;
