//! How the product talks HTTP to the outside world.
//!
//! One blocking client with timeouts, bounded retries, TLS roots and
//! proxies, used by whoever fetches registries, feeds or a container
//! engine's socket. It knows nothing of what it fetches. Invariants: no
//! request waits for ever, no body is buffered without a limit, and no
//! credential follows a redirect to another host or reaches a log.

mod client;
mod error;
mod pin;
mod reach;
mod response;
mod retry;
mod settings;
mod unix;

pub use client::{Client, Request, is_loopback};
pub use error::FetchError;
pub use pin::{parse_fingerprint, pinned_certificate};
pub use reach::{Guard, Home, Reach, Refused, reach};
pub use response::Response;
pub use retry::parse_retry_after;
pub use settings::{Settings, Trust};
pub use url::Url;
