//! The queue where Amazon's registries tell: ECR's events reach SQS by
//! EventBridge.

use crate::{AskError, Refusal, Told};

/// A queue of events. A message is given again and again until it is
/// acknowledged: receive, make it durable, acknowledge.
#[derive(Debug)]
pub struct EventQueue {}

/// One message.
#[derive(Debug)]
pub struct Delivered {
    /// What it tells; a message that tells nothing we know is to be
    /// acknowledged like any other.
    pub told: Result<Vec<Told>, Refusal>,
    pub receipt: Receipt,
}

/// What a message is acknowledged by.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Receipt(pub(crate) String);

impl std::fmt::Debug for Receipt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Receipt").finish_non_exhaustive()
    }
}

impl EventQueue {
    /// Up to ten messages, waiting for the first no longer than `wait`
    /// (twenty seconds at most).
    pub fn receive(&self, _wait: std::time::Duration) -> Result<Vec<Delivered>, AskError> {
        Ok(Vec::new())
    }

    /// Has messages forgotten.
    pub fn acknowledge(&self, _receipts: &[Receipt]) -> Result<(), AskError> {
        Ok(())
    }
}
