//! What the advisory database promises, tried on real feeds.

mod debian;
mod import;
mod shared;
