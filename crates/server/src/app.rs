//! What the running server holds, handed to every handler and job.

/// The running server.
#[derive(Debug)]
pub(crate) struct App {}
