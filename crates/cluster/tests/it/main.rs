//! Audit logs, read where real services keep them.

#![cfg(test)]

mod cloudwatch;
mod kafka;
