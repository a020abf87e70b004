//! Audit logs, read where real services keep them; admission, asked as
//! an API server asks.

#![cfg(test)]

mod admit;
mod cloudwatch;
mod kafka;
