//! All talk with a container host: how its engine is reached, what is
//! wrong where it is not, what it says of itself, and what its files
//! say.
//!
//! Nothing is judged here: what was seen becomes [`policy::HostFacts`].
//! Everything a host answers is hostile and bounded in size and time
//! here. Invariant: no key leaves this room but into a TLS handshake,
//! and none is printed. It is not for what is inside of containers and
//! images, which `scan` reads through the same [`Endpoint`].

mod access;
mod address;
mod certificate;
mod command;
mod daemon;
mod error;
mod events;
mod http;
mod images;
mod look;
mod machine;
pub mod node;
mod old_tls;
mod probe;

pub use access::{Access, Credentials, CredentialsError, Endpoint};
pub use address::{Address, ParseAddressError};
pub use error::ConnectError;
pub use events::Events;
pub use images::images;
pub use look::{Look, look};
pub use machine::Machine;
pub use probe::{Probed, probe};
