//! Requests, before the API server stores what they ask for: an HTTPS
//! webhook that judges and mends objects from memory.
//!
//! [`Rules`] are what a bundle holds, compiled: policies, the exemptions
//! in force, facts of images. [`Judge`] answers one `AdmissionReview` by
//! them, purely. [`Door`] is the listener: bounded bodies, bounded work,
//! an answer before the API server stops waiting. [`Keys`] makes its
//! certificates and rotates them, [`Registration`] tells the API server
//! of it, [`Keeper`] fetches bundles and hands decisions in. None of them
//! is asked for while a request is judged; only providers of external data
//! are, where that is switched on (see [`crate::external`]).

mod bundle;
mod certificate;
mod decide;
mod door;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzzing;
mod keeper;
mod keys;
mod line;
mod listen;
mod metrics;
mod namespaces;
mod register;
mod review;
mod run;
mod sight;
mod troubles;
mod unread;

pub use self::{
    bundle::{Loaded, Rules, images, read_folder, trust},
    certificate::{Authority, CertificateError, Leaf},
    decide::{Answer, Fail, Judge, Place},
    door::{Door, DoorSettings},
    keeper::{Keeper, KeeperError, KeeperSettings},
    keys::{Keys, KeysError},
    line::Line,
    metrics::Metrics,
    register::{Registration, RegistrationError, Where},
    review::{Request, ReviewError},
    run::{AdmissionError, Settings, run, uninstall},
    unread::Unread,
};
