//! What other programs hand in, read from their own forms: alerts of
//! other sensors, events to be judged.
//!
//! Pure: bytes in, alerts and events out. Whatever comes in here is
//! hostile, and is bounded here and nowhere else.

pub(crate) mod audit;
pub(crate) mod falco;
pub(crate) mod posture;
pub(crate) mod sensor;
pub(crate) mod used;
