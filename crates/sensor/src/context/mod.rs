//! Which process, which container, which pod: the processes and containers
//! of this node, and events in terms of them.

mod told;

pub use told::{Answer, Known, Lookup, Moment, Told};
