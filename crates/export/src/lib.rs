//! How another system is told.
//!
//! A [`model::Notice`] is written in the receiver's own form
//! ([`mod@format`]) and carried there ([`mod@sink`]). This room decides
//! neither what is told nor when, remembers nothing between deliveries
//! and knows no database; whoever calls it keeps the batch and tries
//! again when told to. Invariants: every wait and every answer read is
//! bounded, a receiver's address is judged before it is connected to
//! ([`Guard`]), and no secret reaches an error, a log or an answer.

pub mod answer;
pub mod describe;
pub mod format;
pub mod guard;
mod http;
pub mod otlp;
pub mod sink;
mod tls;

pub use answer::{Answer, Batch, Verdict};
pub use guard::Guard;
pub use model::Secret;
pub use sink::{Invalid, Kind, Sink, Site};
