//! All talk with a Kubernetes cluster's control plane.
//!
//! [`audit`] reads audit logs where API servers and clouds leave them. It
//! hands on bytes and remembers how far it read; what they mean is for
//! rules, where they are kept for others. [`watch`] keeps up with the
//! cluster's objects and judges them. [`external`] asks the providers of
//! data that policies name, where that is switched on. This room knows no
//! SQL and no image.

pub mod admit;
pub mod audit;
pub mod connect;
pub mod external;
pub mod watch;
