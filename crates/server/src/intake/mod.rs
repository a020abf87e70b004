//! Alerts other programs raise, read from their own forms.
//!
//! Pure: bytes in, alerts out. Whatever comes in here is hostile, and is
//! bounded here and nowhere else.

pub(crate) mod falco;
