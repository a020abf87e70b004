//! Registries, real and hostile ones.

#![expect(
    clippy::unwrap_used,
    reason = "a test that cannot go on says where by panicking"
)]

mod amazon;
mod api;
mod azure;
mod google;
mod hostile;
mod hubs;
mod real;
mod signature;

use std::sync::Arc;

use jiff::Timestamp;
use model::{Cancel, time::FixedClock};
use registry::{Account, Kind, Registry};

fn now() -> Timestamp {
    "2026-11-20T10:00:00Z".parse().unwrap()
}

fn open(account: Account) -> Registry {
    let clock = Arc::new(FixedClock(now()));
    Registry::open(account, clock, &Cancel::default()).unwrap()
}

fn anonymous(host: &str) -> Registry {
    open(Account::anonymous(Kind::Distribution, host))
}
