//! Looking after the record: moving it, keeping copies of it, checking
//! it, and letting go of what is over.

pub(crate) mod backup;
pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod migrate;
pub(crate) mod retention;
mod table;
